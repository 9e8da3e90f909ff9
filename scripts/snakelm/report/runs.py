"""The report's parents: finished runs, what each is about, and the small files in them."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakelm.core.errors import UserError
from snakelm.report.ordering import natural
from snakelm.runs.records import Manifest, Subject
from snakelm.runs.stages import STAGES
from snakelm.runs.store import MANIFEST, read_manifest

CellKey = tuple[str, str, str]
"""Model, task and init: what fine-tunings that differ by the seed alone have in common."""


@dataclass(frozen=True)
class FinishedRun:
    """A run of the recipe that is complete."""

    folder: Path
    manifest: Manifest
    subject: Subject
    """The entries of this recipe that the run belongs to; the manifest names those of the recipe that made it."""

    @property
    def stage(self) -> str:
        return self.manifest.stage

    @property
    def id(self) -> str:
        return self.manifest.id

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def path(self) -> str:
        """The run's folder below results/, the same on every machine."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    @property
    def entry(self) -> str:
        """The name of the corpus, tokenizer or model that the run made, for the rows of a table."""
        names = {
            "fetch_corpus": self.subject.corpus,
            "save_tokenizer": self.subject.tokenizer,
            "pretrain": self.subject.model,
        }
        return names.get(self.stage) or self.name

    @property
    def cell(self) -> CellKey:
        """The cell of a fine-tuning or an evaluation."""
        return self.subject.model, self.subject.task, self.subject.init

    def text(self, name: str) -> str | None:
        """A text file of the run, None if it has none; bytes that are not UTF-8 become U+FFFD."""
        file = self.folder / name
        return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else None

    def json(self, name: str) -> dict[str, Any]:
        """A JSON object of the run, {} if it has none or it cannot be read."""
        try:
            found = json.loads(self.text(name) or "{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def table(self, name: str, needed: tuple[str, ...] = ()) -> list[dict[str, str]]:
        """The rows of a tab-separated file with a header, [] if the run has none; UserError if columns are missing."""
        file = self.folder / name
        if not file.is_file():
            return []
        with file.open(encoding="utf-8", errors="replace", newline="") as lines:
            reader = csv.DictReader(lines, delimiter="\t", restval="")
            absent = [column for column in needed if column not in (reader.fieldnames or [])]
            if absent:
                raise UserError(f"{file}: no column {', '.join(absent)}; make that run again")
            return list(reader)


def read_runs(parents: Mapping[str, Path], subjects: Mapping[str, Subject] | None = None) -> list[FinishedRun]:
    """The parents with their manifests, sorted by stage and subject: the order in which they are given does not count.

    `subjects`: role → what the parent is about in this recipe; without it the parent's manifest says so. A run that
    two entries share (the random weights of two models of one architecture) is listed once for each of them.
    UserError names a run whose manifest cannot be read.
    """
    runs: dict[tuple[Path, str], FinishedRun] = {}
    for role, folder in parents.items():
        try:
            manifest = read_manifest(folder)
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{folder / MANIFEST}: not readable ({reason}); make that run again") from None
        run = FinishedRun(folder, manifest, (subjects or {}).get(role, manifest.subject))
        runs.setdefault((folder, repr(run.subject)), run)
    return sorted(runs.values(), key=_sort_key)


def distinct(runs: Sequence[FinishedRun]) -> list[FinishedRun]:
    """Each run once, also where entries share it."""
    return list({run.folder: run for run in runs}.values())


def of_stage(runs: Sequence[FinishedRun], stage: str) -> list[FinishedRun]:
    return [run for run in runs if run.stage == stage]


def fine_tunings(runs: Sequence[FinishedRun]) -> dict[CellKey, list[FinishedRun]]:
    """The fine-tunings of each cell. An evaluation names them by id, which also finds those that two models share
    (random weights of the same architecture); one that no evaluation names goes by its own subject."""
    tuned = {run.id: run for run in of_stage(runs, "finetune")}
    tuned |= {run.manifest.canonical: run for run in list(tuned.values())}
    cells: dict[CellKey, list[FinishedRun]] = {}
    named = set()
    for run in of_stage(runs, "evaluate"):
        for parent in run.manifest.parents.values():
            if found := tuned.get(parent.id):
                cells.setdefault(run.cell, []).append(found)
                named.add(found.id)
    for run in of_stage(runs, "finetune"):
        if run.id not in named:
            cells.setdefault(run.cell, []).append(run)
    return cells


def _sort_key(run: FinishedRun) -> tuple[Any, ...]:
    subject = run.subject
    place = list(STAGES).index(run.stage) if run.stage in STAGES else len(STAGES)
    cell = (natural(subject.model), natural(subject.task), natural(subject.init))
    seed = -1 if subject.seed is None else subject.seed
    return (place, *cell, seed, natural(subject.tokenizer), natural(subject.corpus), natural(run.name), run.id)


def to_float(text: str | None) -> float:
    """The number that a table's field holds; NaN for an empty or unreadable one."""
    try:
        return float(text or "")
    except ValueError:
        return math.nan


def to_bool(text: str | None) -> bool | None:
    """True or False as a table's field spells it; None for anything else."""
    return {"true": True, "1": True, "false": False, "0": False}.get((text or "").strip().lower())
