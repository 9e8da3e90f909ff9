"""Learning curves: what the training runs' curve.tsv files hold, thinned to what a figure can show."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from snakelm.report.runs import FinishedRun, to_float

POINTS = 300
NOT_METRICS = {"step", "epoch", "tokens", "loss", "learning_rate", "grad_norm", "seconds"}


@dataclass(frozen=True)
class TrainingLog:
    """A run's curve.tsv: column → a value per row, None where the field is empty, NaN where it is not a number."""

    columns: Mapping[str, tuple[float | None, ...]]

    @property
    def filled(self) -> list[str]:
        """The columns that hold anything, in the file's order."""
        return [name for name, values in self.columns.items() if any(value is not None for value in values)]


@dataclass(frozen=True)
class Curve:
    """One line of a figure: points (x, y), all finite."""

    x: list[float]
    y: list[float]
    lost: int = 0
    """Values in the file that were not finite numbers, such as the loss of a run that diverged."""

    def __bool__(self) -> bool:
        return bool(self.x)


def read_log(run: FinishedRun) -> TrainingLog:
    """The run's curve.tsv; without columns where there is none."""
    return training_log(run.table("curve.tsv"))


def training_log(rows: Sequence[Mapping[str, str]]) -> TrainingLog:
    """A log from rows of text."""
    return TrainingLog({name: tuple(_number(row.get(name)) for row in rows) for name in (rows[0] if rows else ())})


def _number(text: str | None) -> float | None:
    return to_float(text) if (text or "").strip() else None


def curve(log: TrainingLog, x: str, y: str, points: int = POINTS) -> Curve:
    """The column y over the column x. Empty fields are skipped; more than `points` are averaged in equal bins."""
    rows = zip(log.columns.get(x, ()), log.columns.get(y, ()), strict=False)
    written = [(a, b) for a, b in rows if a is not None and math.isfinite(a) and b is not None]
    finite = [(a, b) for a, b in written if math.isfinite(b)]
    lost = len(written) - len(finite)
    if len(finite) > points:
        edges = [len(finite) * i // points for i in range(points + 1)]
        bins = [finite[start:end] for start, end in zip(edges, edges[1:], strict=False)]
        finite = [(sum(a for a, _ in part) / len(part), sum(b for _, b in part) / len(part)) for part in bins]
    return Curve([a for a, _ in finite], [b for _, b in finite], lost)


def axis(logs: Sequence[TrainingLog], preferred: Sequence[str]) -> str | None:
    """The first of the preferred columns that every log with rows fills; None if there is none."""
    filled = [log.filled for log in logs if log.columns]
    return next((column for column in preferred if filled and all(column in names for names in filled)), None)


def metric_column(log: TrainingLog, main: str | None) -> str | None:
    """The column of a fine-tuning curve with the validation metric: the one named like the task's main metric,
    else the first that is not known to be something else; None if every such column is empty."""
    candidates = [name for name in log.filled if name not in NOT_METRICS and not name.endswith("loss")]
    named = [name for name in candidates if main and name.endswith(main)]
    return next(iter(named or candidates), None)
