"""Cards beside the runs: README.md in the folder of every finished model and tokenizer of a plan.

Written by the process that ran the workflow, when it ends: only then is known how all models did. A card says in its
last line what it was made from, so that one which still holds costs a look and no more, and a digest of its text, so
that one which a person has edited is left as it is. A README.md that belongs to an adopted run is never touched.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Sequence
from pathlib import Path

from snakelm.core.console import log
from snakelm.core.errors import UserError
from snakelm.planning.plan import Plan, PlannedRun
from snakelm.publishing.card import STAGES, CardMaker, is_model
from snakelm.publishing.scores import Scores
from snakelm.runs.digests import digest, file_sha256
from snakelm.runs.store import CARD, read_manifest

SHOWN = {"corpora", "tokenizers", "models", "tasks", "plugins"}
"""The parts of a recipe that cards say something of."""
LAST_LINE = re.compile(r"\n<!-- snakelm card ([0-9a-f]{12}) of ([0-9a-f]{12}) -->\n$")


def write_cards(plan: Plan, command: Sequence[str]) -> int:
    """Write the cards that are missing or no longer hold; returns how many. Where the disk is read-only, none."""
    maker = CardMaker(plan, tuple(command), Scores(plan))
    recipe = digest([plan.recipe.model_dump(mode="json", include=SHOWN), list(command)])
    written = 0
    for run in plan.runs.values():
        if run.stage in STAGES and run.done:
            try:
                written += _write(maker, run, recipe)
            except OSError as error:
                log.warning("%s: no card was written (%s)", error.filename or run.folder, error.strerror)
                break
            except UserError as error:  # a damaged run, which `verify` names
                log.warning("%s", error)
    return written


def _write(maker: CardMaker, run: PlannedRun, recipe: str) -> bool:
    path = run.folder / CARD
    made_from = state(maker, run, recipe)
    before = _read(path)
    if before is not None and (is_edited(before) or made_from in last_line(before)):
        return False
    manifest = read_manifest(run.folder)
    if CARD in manifest.files or not is_model(run, manifest):
        return False
    text = maker.card(run, run.folder.as_posix())
    part = path.with_name(f".{CARD}.{os.getpid()}.part")
    try:
        part.write_text(signed(text, made_from), encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return True


def state(maker: CardMaker, run: PlannedRun, recipe: str) -> str:
    """A digest of what a card of the run is made from. (Of a parent that was made again with the same id only its
    times can be others.)"""
    evaluations = [evaluation.id for evaluation in maker.scores.evaluations(run)]
    rivals = sorted({(score.task, score.init, score.text) for score in maker.scores.rivals(run)})
    return digest([recipe, run.stage, run.id, run.name, evaluations, rivals, _wording()])[:12]


def signed(text: str, made_from: str) -> str:
    return f"{text}\n<!-- snakelm card {digest(text)[:12]} of {made_from} -->\n"


def last_line(card: str) -> str:
    """The line that says what a card was made from; '' where there is none."""
    found = LAST_LINE.search(card)
    return found[0] if found else ""


def is_edited(card: str) -> bool:
    """Whether a person has written or changed this card."""
    found = LAST_LINE.search(card)
    return found is None or digest(card[: found.start()])[:12] != found[1]


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return None


@functools.cache
def _wording() -> list[str]:
    """The files that say how a card is written."""
    folder = Path(__file__).parent
    return [file_sha256(path) for path in sorted(folder.iterdir()) if path.suffix in (".py", ".md")]
