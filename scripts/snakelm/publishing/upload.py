"""Pushing a model or tokenizer to the Hugging Face Hub: what would be pushed, and the push itself.

Pushed are the files that transformers loads, and the card; never predictions, samples, curves, checkpoints or
manifests, which hold texts, host names and paths. All go in one commit, so that nobody ever loads half a model. The
token is the one that huggingface_hub finds (HF_TOKEN, or `hf auth login`); it is not read, shown or stored here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from snakelm.core.errors import UserError, did_you_mean, one_line
from snakelm.maintenance.verification import FoundRun, problems_of
from snakelm.planning.plan import Plan, PlannedRun
from snakelm.pretrain.results import TOKENIZER_FILES
from snakelm.publishing.beside import LAST_LINE, is_edited
from snakelm.publishing.card import STAGES, CardMaker, is_model
from snakelm.publishing.loading import read_config
from snakelm.runs.records import Manifest
from snakelm.runs.store import CARD, read_manifest

if TYPE_CHECKING:
    from huggingface_hub import HfApi

MODEL_FILES = re.compile(r"(config|generation_config|model\.safetensors\.index)\.json|model(-\d+-of-\d+)?\.safetensors")
SETTINGS = (".json", ".py", ".md", ".jinja")
"""Ends of the files that a path of this machine or a token could have found its way into."""
VOCABULARIES = ("tokenizer.json", "vocab.json", "added_tokens.json", "model.safetensors.index.json")
"""Of those, the ones that say what was learnt from texts: any string may stand there."""
TOKEN = re.compile(rb"\bhf_[A-Za-z0-9]{20,}\b")


@dataclass(frozen=True)
class Upload:
    """What is to be pushed where."""

    run: PlannedRun
    repository: str
    private: bool
    files: Mapping[str, Path]
    """Name in the repository → file of the run."""
    card: str

    @property
    def sizes(self) -> dict[str, int]:
        """Name in the repository → bytes, the card first."""
        sizes = {name: path.stat().st_size for name, path in self.files.items()}
        return {CARD: len(self.card.encode()), **sizes}


def find(plan: Plan, entry: str) -> PlannedRun:
    """The finished run that `stage:name` names; UserError where there is none, or nothing that can be published."""
    stage, _, name = entry.partition(":")
    if stage not in STAGES or not name:
        raise UserError(f"{entry}: write pretrain:<model>, finetune:<run> or save_tokenizer:<tokenizer>")
    runs = {run.name: run for run in plan.of(stage)}
    if name not in runs:
        raise UserError(f"{entry}: the recipe has no such run{did_you_mean(name, runs)}")
    if not runs[name].done:
        raise UserError(f"{entry}: is not made yet; make it first: snakelm run --config only={entry}")
    return runs[name]


def prepare(maker: CardMaker, run: PlannedRun, repository: str, private: bool, license: str | None) -> Upload:
    """Everything that is to be pushed; costs reading the run once, to see that it is whole.

    UserError where the run is damaged, is no model or tokenizer, or where a file holds what must not leave.
    """
    _check_repository(repository)
    manifest = _whole(run)
    if not is_model(run, manifest):
        raise UserError(f"{run.stage}:{run.name}: has no model that could be loaded, so there is nothing to publish")
    card = _card(maker, run, manifest, repository, license)
    upload = Upload(run, repository, private, _files(run, manifest), card)
    _check_content(upload)
    return upload


def _check_repository(repository: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise UserError(f"--to {repository}: {one_line(error)}") from None
    if repository.count("/") != 1:
        raise UserError(f"--to {repository}: write owner/name")


def _whole(run: PlannedRun) -> Manifest:
    try:
        manifest = read_manifest(run.folder)
    except (OSError, ValueError):
        raise UserError(f"{run.folder}: its manifest cannot be read (`snakelm verify`)") from None
    if problems := list(problems_of(FoundRun(run.stage, manifest.id, run.folder, manifest))):
        told = [f"{run.folder}/{problem}" for problem in problems]
        raise UserError(*told, f"{run.stage}:{run.name} is not published: `snakelm verify` says how to put it right")
    return manifest


def _files(run: PlannedRun, manifest: Manifest) -> dict[str, Path]:
    """The files that transformers reads, by name; of heads of ours the code too, which config.json names."""
    modules = read_config(run.folder).get("auto_map") or {}
    code = {f"{str(place).rpartition('--')[2].partition('.')[0]}.py" for place in modules.values()}
    tokenizer = set(TOKENIZER_FILES.split())
    is_tokenizer = run.stage == "save_tokenizer"
    return {
        name: run.folder / name
        for name in sorted(manifest.files)
        if name in tokenizer or (not is_tokenizer and (name in code or MODEL_FILES.fullmatch(name)))
    }


def _card(maker: CardMaker, run: PlannedRun, manifest: Manifest, repository: str, license: str | None) -> str:
    """A card made for the repository; where a person has edited the one in the folder, or brought it, that one."""
    import yaml
    from huggingface_hub import ModelCard

    try:
        own = (run.folder / CARD).read_text(encoding="utf-8")
    except OSError:
        own = ""
    if not own or not (CARD in manifest.files or is_edited(own)):
        return maker.card(run, repository, license)
    try:
        card = ModelCard(LAST_LINE.sub("\n", own).replace(run.folder.as_posix(), repository))
    except (ValueError, yaml.YAMLError) as error:
        raise UserError(f"{run.folder / CARD}: its metadata cannot be read ({one_line(error)})") from None
    card.data["license"] = license or card.data.get("license")
    return str(card)


def _check_content(upload: Upload) -> None:
    """Refuse what says where things are on this machine, or could be a token."""
    from huggingface_hub import get_token

    places = {str(Path.home()), str(Path.cwd()), str(upload.run.folder.resolve().parents[1])}
    forbidden = [place.encode() + b"/" for place in places if len(place) > 1]
    token = (get_token() or "").encode()
    texts = {CARD: upload.card.encode()} | {
        name: path.read_bytes()
        for name, path in upload.files.items()
        if name.endswith(SETTINGS) and name not in VOCABULARIES
    }
    for name, text in texts.items():
        if any(place in text for place in forbidden):
            raise UserError(f"{upload.run.folder / name}: holds a path of this machine, so nothing is published")
        if TOKEN.search(text) or (token and token in text):
            raise UserError(f"{upload.run.folder / name}: holds what looks like a token, so nothing is published")


def push(upload: Upload) -> str:
    """Create the repository where there is none, and push all in one commit; returns the commit's address.

    UserError where the Hub refuses, cannot be reached, or has the repository in public though it should be private.
    """
    import httpx2
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    api = HfApi(library_name="snakelm")
    additions = [CommitOperationAdd(CARD, upload.card.encode())]
    additions += [CommitOperationAdd(name, str(path)) for name, path in upload.files.items()]
    try:
        if upload.private and _is_public(api, upload.repository):
            raise UserError(
                f"{upload.repository}: exists, and is public; choose another name, or make it private there"
            )
        api.create_repo(upload.repository, private=upload.private or None, exist_ok=True)
        done = api.create_commit(
            upload.repository,
            additions,
            commit_message=f"{upload.run.stage} {upload.run.name} {upload.run.id}, by SnakeLM",
        )
    except HfHubHTTPError as error:
        code = error.response.status_code
        hint = "; set HF_TOKEN, or log in with `hf auth login`" if code in (401, 403) else ""
        raise UserError(f"{upload.repository}: the Hub refused ({code}): {_said(error)}{hint}") from None
    except (httpx2.HTTPError, OfflineModeIsEnabled, OSError) as error:
        raise UserError(f"{upload.repository}: the Hub cannot be reached ({one_line(error)})") from None
    except ValueError as error:  # what the Hub says of the card's metadata
        raise UserError(f"{upload.repository}: {one_line(error)}") from None
    return str(done.commit_url)


def _is_public(api: HfApi, repository: str) -> bool:
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        return not api.repo_info(repository).private
    except RepositoryNotFoundError:
        return False


def _said(error: Exception) -> str:
    """The Hub's own words, without addresses and request ids."""
    message = getattr(error, "server_message", None) or one_line(error)
    return re.sub(r"\(Request ID:[^)]*\)", "", str(message)).strip()
