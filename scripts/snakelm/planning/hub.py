"""Whether something exists on the Hugging Face Hub: one short question, and no answer is no error."""

from __future__ import annotations

from dataclasses import dataclass

from snakelm.core.errors import one_line

SECONDS = 10.0


@dataclass(frozen=True)
class Trouble:
    """What came of a question."""

    line: str
    is_certain: bool
    """Whether the Hub has answered; else it was not reached, or must not be asked (HF_HUB_OFFLINE)."""


def trouble_on_hub(kind: str, name: str, revision: str | None = None) -> Trouble | None:
    """Why a dataset or model cannot be had from the Hub; None if it is there."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        HfApi().repo_info(name, repo_type=kind, revision=revision, timeout=SECONDS)
    except GatedRepoError:
        return Trouble(f"{name}: the Hub gives this {kind} only to those whom its owner has let in; log in", True)
    except RevisionNotFoundError:
        return Trouble(f"{name}: the Hub has no revision {revision!r} of this {kind}", True)
    except (RepositoryNotFoundError, HFValidationError):
        return Trouble(f"{name}: the Hub has no such {kind} (or it is private, and you are not logged in)", True)
    except Exception as error:  # no network, a proxy, a server in trouble
        return Trouble(f"{name}: could not be checked, the Hub was not reached ({one_line(error, 100)})", False)
    return None
