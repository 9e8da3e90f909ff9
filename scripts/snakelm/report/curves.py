"""Learning curves: what the training runs' curve.tsv files hold, thinned to what a figure can show."""

from __future__ import annotations

import math
from dataclasses import dataclass

from snakelm.report.runs import Run, to_float

POINTS = 300
NOT_METRICS = {"step", "epoch", "tokens", "loss", "learning_rate", "grad_norm", "seconds"}


@dataclass(frozen=True)
class Curve:
    """One line of a figure: points (x, y), all finite."""

    x: list[float]
    y: list[float]
    lost: int = 0
    """Values in the file that were not finite numbers, such as the loss of a run that diverged."""

    def __bool__(self) -> bool:
        return bool(self.x)


def curve(rows: list[dict[str, str]], x: str, y: str, points: int = POINTS) -> Curve:
    """The column y over the column x. Empty fields are skipped; more than `points` are averaged in equal bins."""
    written = [row for row in rows if (row.get(y) or "").strip() and math.isfinite(to_float(row.get(x)))]
    pairs = [(to_float(row[x]), to_float(row[y])) for row in written]
    finite = [(a, b) for a, b in pairs if math.isfinite(b)]
    lost = len(pairs) - len(finite)
    if len(finite) > points:
        edges = [len(finite) * i // points for i in range(points + 1)]
        bins = [finite[start:end] for start, end in zip(edges, edges[1:], strict=False)]
        finite = [(sum(a for a, _ in part) / len(part), sum(b for _, b in part) / len(part)) for part in bins]
    return Curve([a for a, _ in finite], [b for _, b in finite], lost)


def axis(tables: list[list[dict[str, str]]], preferred: tuple[str, ...]) -> str | None:
    """The first of the preferred columns that every non-empty table fills; None if there is none."""
    filled = [rows for rows in tables if rows]
    for column in preferred:
        if filled and all(any((row.get(column) or "").strip() for row in rows) for rows in filled):
            return column
    return None


def metric_column(run: Run, rows: list[dict[str, str]], main: str | None) -> str | None:
    """The column of a fine-tuning curve with the validation metric: the one named like the task's main metric,
    else the first that is not known to be something else; None if every such column is empty."""
    columns = [column for column in (rows[0] if rows else {}) if any((row[column] or "").strip() for row in rows)]
    candidates = [column for column in columns if column not in NOT_METRICS and not column.endswith("loss")]
    named = [column for column in candidates if main and column.endswith(main)]
    return (named or candidates or [None])[0]
