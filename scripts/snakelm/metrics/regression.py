"""Metrics of predicted numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame


def regression(predictions: DataFrame) -> dict[str, float]:
    """Pearson and Spearman correlation (0 where either side is constant, so that a constant guess earns
    nothing), R², and root mean square and mean absolute error in the target's unit. Columns gold, prediction: float."""
    import numpy

    gold = predictions["gold"].to_numpy(float)
    guess = predictions["prediction"].to_numpy(float)
    error = guess - gold
    spread = ((gold - gold.mean()) ** 2).sum()
    return {
        "pearson": _correlation(gold, guess),
        "spearman": _correlation(
            predictions["gold"].rank().to_numpy(float), predictions["prediction"].rank().to_numpy(float)
        ),
        "r2": 1 - (error**2).sum() / spread if spread else 0.0,
        "rmse": numpy.sqrt((error**2).mean()),
        "mae": numpy.abs(error).mean(),
    }


def _correlation(a: Any, b: Any) -> float:
    import numpy

    if len(a) < 2 or numpy.ptp(a) == 0 or numpy.ptp(b) == 0:
        return 0.0
    return float(numpy.corrcoef(a, b)[0, 1])
