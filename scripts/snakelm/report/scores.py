"""What the evaluations found: the scores of every seed, and with what the intervals are made of."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakelm.report.ordering import natural
from snakelm.report.runs import FinishedRun, of_stage, to_bool, to_float
from snakelm.runs.records import Subject
from snakelm.statistics.estimates import Scores

if TYPE_CHECKING:
    from snakelm.statistics.units import Floats

FIRST_INITS = ("pretrained", "random")


@dataclass(frozen=True)
class SeedScore:
    """One row of an evaluation's metrics.tsv: a metric of one seed. `seed`, `n` and `text` stay as they were."""

    subject: Subject
    seed: str
    """Empty where no seed enters: a baseline."""
    split: str
    metric: str
    text: str
    """The value as written."""
    n: str
    """Rows of the split."""
    main: bool
    greater_is_better: bool | None
    run: str = ""
    """The id of the fine-tuning."""
    evaluation: str = ""
    """The id of the evaluation."""

    @property
    def value(self) -> float:
        return to_float(self.text)


@dataclass(frozen=True, eq=False)
class Cell:
    """An evaluation: one model, task and init or baseline, over its seeds."""

    subject: Subject
    folder: Path
    scores: tuple[SeedScore, ...]
    about: Mapping[str, Any] = field(default_factory=dict)
    """cell.json; empty if there is none (the evaluation was made by an earlier version)."""
    margin: Any = None

    @property
    def deterministic(self) -> bool:
        """Whether no seed enters it: a baseline."""
        return bool(self.about.get("deterministic")) or {score.seed for score in self.scores} == {""}

    def of(self, metric: str, split: str = "test") -> list[SeedScore]:
        return [score for score in self.scores if score.metric == metric and score.split == split]

    def sample(self, metric: str) -> Scores:
        """The metric's values on the test with what each unit contributes, read from the run's folder."""
        found = self.of(metric)
        values = {score.seed: score.value for score in found}
        rows = int(to_float(found[0].n)) if found and found[0].n.isdecimal() else 0
        return Scores(
            values, self._contributions(metric, list(values)), rows, self.about.get("test", ""), self.deterministic
        )

    def mean(self, metric: str, split: str) -> float | None:
        """The mean over seeds, None if the split was not scored."""
        values = [score.value for score in self.of(metric, split)]
        return sum(values) / len(values) if values else None

    def _contributions(self, metric: str, seeds: list[str]) -> Floats | None:
        if metric not in self.about.get("contributions", ()) or self.about.get("seeds") != seeds or self._whole is None:
            return None
        table: Floats = self._whole[self.about["contributions"].index(metric)]
        return table

    @functools.cached_property
    def _whole(self) -> Floats | None:
        """contributions.npy, (metrics, seeds, units); None if there is none. It stays on disk until it is used."""
        import numpy

        file = self.folder / "contributions.npy"
        found: Floats | None = numpy.load(file, mmap_mode="r") if file.is_file() else None
        return found


def read_cells(runs: Sequence[FinishedRun]) -> list[Cell]:
    """All evaluations, in the order of models, tasks, inits; within one by seed, and metrics as its file has them."""
    cells = [_read_cell(run) for run in of_stage(runs, "evaluate")]
    place = {init: number for number, init in enumerate(FIRST_INITS)}
    return sorted(
        cells,
        key=lambda cell: (
            natural(cell.subject.model),
            natural(cell.subject.task),
            place.get(cell.subject.init, len(place)),
            cell.subject.init,
        ),
    )


def _read_cell(run: FinishedRun) -> Cell:
    text = run.text("cell.json")
    scores = [
        SeedScore(
            subject=run.subject,
            seed=row["seed"],
            split=row.get("split") or "test",
            metric=row["metric"],
            text=row["value"],
            n=row.get("n", ""),
            main=bool(to_bool(row.get("main"))),
            greater_is_better=to_bool(row.get("greater_is_better")),
            run=_parent(run, row["seed"]),
            evaluation=run.id,
        )
        for row in run.table("metrics.tsv", needed=("seed", "metric", "value"))
    ]
    scores.sort(key=lambda score: natural(score.seed))
    margin = run.manifest.config.get("margin")
    return Cell(run.subject, run.folder, tuple(scores), json.loads(text) if text else {}, margin)


def _parent(run: FinishedRun, seed: str) -> str:
    """The id of the fine-tuning of a seed; of a baseline that of the first."""
    parents = run.manifest.parents
    found = parents.get(f"seed-{seed}") or next((parents[role] for role in sorted(parents) if not seed), None)
    return found.id if found else ""


def swept_keys(subject: Subject) -> dict[str, Any]:
    """The keys that a sweep set, with their section (models.learning_rate) → value."""
    return {f"{section}.{key}": value for section, keys in subject.swept.items() for key, value in keys.items()}


def confidence_of(runs: Sequence[FinishedRun]) -> float:
    """The level of confidence of the evaluations' own intervals; 0.95 where there are none."""
    stated = (run.manifest.config.get("confidence") for run in of_stage(runs, "evaluate"))
    return next((float(value) for value in stated if value is not None), 0.95)


def inits_of(found: Iterable[str]) -> list[str]:
    """The inits without repetition: pretrained, random, then the rest by name."""
    distinct = set(found)
    return [init for init in FIRST_INITS if init in distinct] + sorted(distinct.difference(FIRST_INITS))
