"""Which seeds are unlike the others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import median
from typing import TYPE_CHECKING, Any

from snakelm.metrics.details import SeedFlag, rounded, shortened
from snakelm.statistics.outliers import outliers

if TYPE_CHECKING:
    from pandas import DataFrame

    from snakelm.metrics.predicted import Predicted

CONSTANT = 0.01
"""Numbers that vary less than this share of what the targets do are the same prediction everywhere."""
SHOWN = 40


def flags(predicted: Predicted, values: Mapping[str, float], noise: float = 0.0) -> list[SeedFlag]:
    """Seeds whose predictions are all the same, whose main metric (values: by seed) is no number, or an outlier.

    noise: the standard error of a seed's value that the test rows alone make. Nothing is said of a baseline, which may
    always answer the same."""
    if predicted.deterministic:
        return []
    finite = [value for value in values.values() if math.isfinite(value)]
    middle = rounded(median(finite)) if finite else None
    far = outliers(list(values.values()), noise)
    found = []
    for place, (seed, table) in enumerate(predicted.tables.items()):
        value = values[seed]
        same = always(table)
        if same is not None:
            found.append(SeedFlag(seed, "collapsed", rounded(value), middle, same))
        elif not math.isfinite(value):
            found.append(SeedFlag(seed, "not finite", None, middle))
        elif place in far:
            found.append(SeedFlag(seed, "outlier", rounded(value), middle))
    return found


def always(table: DataFrame) -> str | None:
    """What a table always predicts though the answers differ, as text; None where predictions differ too."""
    if "gold" not in table or "prediction" not in table:
        return None
    gold, guess = table["gold"], table["prediction"]
    if gold.dtype.kind == "f":
        if not len(guess) or not guess.notna().all() or not guess.std(ddof=0) <= CONSTANT * gold.std(ddof=0):
            return None
        return f"{guess.mean():.4g}" if gold.nunique() > 1 else None
    words = "words" in table
    said = _distinct(guess, words)
    return shortened(_text(said.pop()), SHOWN) if len(said) == 1 and len(_distinct(gold, words)) > 1 else None


def _distinct(cells: Any, words: bool) -> set[Any]:
    """The different answers: of lists of words each word's."""
    if words:
        return {tag for tags in cells for tag in tags}
    return {cell if isinstance(cell, str) or not hasattr(cell, "__len__") else tuple(cell) for cell in cells}


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
