"""The scores of every seed: read from the evaluations' metrics.tsv, written as the one metrics.tsv of the report."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakelm.report.ordering import natural
from snakelm.report.runs import FinishedRun, of_stage, to_bool, to_float
from snakelm.runs.records import Subject

COLUMNS = ("model", "task", "init", "seed", "metric", "value", "n", "main")
FIRST_INITS = ("pretrained", "random")


@dataclass(frozen=True)
class SeedScore:
    """One row of an evaluation's metrics.tsv: a metric of one seed. `seed`, `n` and `text` stay as they were."""

    subject: Subject
    seed: str
    metric: str
    text: str
    """The value as written."""
    n: str
    """Test rows."""
    main: bool
    greater_is_better: bool | None

    @property
    def value(self) -> float:
        return to_float(self.text)


def read_scores(runs: Sequence[FinishedRun]) -> list[SeedScore]:
    """The scores of all evaluations, in the order of models, tasks, inits, seeds; metrics as each file has them."""
    scores = [
        SeedScore(
            subject=run.subject,
            seed=row["seed"],
            metric=row["metric"],
            text=row["value"],
            n=row.get("n", ""),
            main=bool(to_bool(row.get("main"))),
            greater_is_better=to_bool(row.get("greater_is_better")),
        )
        for run in of_stage(runs, "evaluate")
        for row in run.table("metrics.tsv", needed=("seed", "metric", "value"))
    ]
    place = {init: number for number, init in enumerate(FIRST_INITS)}
    return sorted(
        scores,
        key=lambda score: (
            natural(score.subject.model),
            natural(score.subject.task),
            place.get(score.subject.init, len(place)),
            score.subject.init,
            natural(score.seed),
        ),
    )


def confidence_of(runs: Sequence[FinishedRun]) -> float:
    """The level of confidence of the evaluations' own intervals; 0.95 where there are none."""
    stated = (run.manifest.config.get("confidence") for run in of_stage(runs, "evaluate"))
    return next((float(value) for value in stated if value is not None), 0.95)


def inits_of(found: Iterable[str]) -> list[str]:
    """The inits without repetition: pretrained, random, then the rest by name."""
    distinct = set(found)
    return [init for init in FIRST_INITS if init in distinct] + sorted(distinct.difference(FIRST_INITS))


def write_scores(scores: Sequence[SeedScore], file: Path) -> None:
    """One row per model, task, init, seed and metric, tab-separated, values as the evaluations wrote them.

    Keys that a sweep set follow in columns of their own (`models.learning_rate`), empty where a row has none.
    """
    swept = [_swept(score.subject) for score in scores]
    keys = sorted({key for values in swept for key in values})
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, delimiter="\t", lineterminator="\n")
        writer.writerow((*COLUMNS, *keys))
        for score, values in zip(scores, swept, strict=True):
            about = score.subject
            identity = (about.model, about.task, about.init, score.seed, score.metric)
            row = (*identity, score.text, score.n, str(score.main).lower())
            writer.writerow((*row, *(_as_text(values[key]) if key in values else "" for key in keys)))


def _swept(subject: Subject) -> dict[str, Any]:
    return {f"{section}.{key}": value for section, values in subject.swept.items() for key, value in values.items()}


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
