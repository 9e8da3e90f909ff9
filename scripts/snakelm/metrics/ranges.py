"""Which values a metric can have, by its name: what lies outside is no possible score."""

from __future__ import annotations

import math

Range = tuple[float, float]

ANY: Range = (-math.inf, math.inf)
SHARE: Range = (0.0, 1.0)
SIGNED_SHARE: Range = (-1.0, 1.0)
PERCENT: Range = (0.0, 100.0)
AT_LEAST_0: Range = (0.0, math.inf)

RANGES: dict[str, Range] = {
    **dict.fromkeys(("accuracy", "accuracy_by_phenomenon", "exact_match", "precision", "recall"), SHARE),
    **dict.fromkeys(("f1", "f1_macro", "f1_micro", "rouge1", "rouge2", "rougeL", "rougeLsum"), SHARE),
    **dict.fromkeys(("mcc", "pearson", "spearman"), SIGNED_SHARE),
    **dict.fromkeys(("bleu", "chrf"), PERCENT),
    **dict.fromkeys(("ter", "rmse", "mae", "bits_per_byte"), AT_LEAST_0),
    "r2": (-math.inf, 1.0),
    "perplexity": (1.0, math.inf),
}


def range_of(metric: str) -> Range:
    """The range of a metric, or of the metric of which it is a part (f1/answerable); ANY for one not listed."""
    return RANGES.get(metric.partition("/")[0], ANY)


def difference_range(metric: str) -> Range:
    """The range of the difference of two values of a metric."""
    low, high = range_of(metric)
    return low - high, high - low
