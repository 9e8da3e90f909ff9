"""What probabilities of labels are worth: how well they rank (AUROC), and whether they come true (calibration)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from snakelm.metrics.details import Calibration, Measure, ReliabilityBin, number

if TYPE_CHECKING:
    from snakelm.metrics.predicted import Predicted

BINS = 10
"""Of equal width, for the reliability curve and the calibration error."""


def auroc(positive: Any, scores: Any) -> float | None:
    """The area under the ROC curve: the probability that a positive row has a higher score than a negative one, ties
    counting half (Mann and Whitney 1947). Both (rows,). None where one kind is missing or a score is no number."""
    import numpy
    from pandas import Series

    positive, scores = numpy.asarray(positive, dtype=bool), numpy.asarray(scores, dtype=float)
    yes = int(positive.sum())
    no = len(positive) - yes
    if not yes or not no or not numpy.isfinite(scores).all():
        return None
    ranks = Series(scores).rank().to_numpy(float)
    return float((ranks[positive].sum() - yes * (yes + 1) / 2) / (yes * no))


@dataclass(frozen=True)
class Aurocs:
    """The AUROC of each label against all others."""

    macro: Measure | None
    """Mean over labels, of each seed."""
    of_label: Mapping[str, float | None]
    """Mean over seeds."""

    def by_label(self, labels: Sequence[str]) -> list[float | None]:
        return [self.of_label.get(label) for label in labels]


def aurocs(predicted: Predicted, has: Mapping[str, Any], columns: Mapping[str, str], one: bool) -> Aurocs:
    """The AUROC of each label; has: label → whether each row has it; columns: label → the column of its probability.

    one: whether each row has one label. Of two such labels the second's is the macro one, as is usual: the first's is
    the same, but for what is lost where probabilities are rounded."""
    found = {label: [auroc(has[label], table[name]) for table in predicted] for label, name in columns.items()}
    counted = list(found.values())[-1:] if one and len(has) == 2 else list(found.values())
    macro = [_mean(of_seed) for of_seed in zip(*counted, strict=True)]
    return Aurocs(predicted.measure(macro) if macro else None, {label: _mean(each) for label, each in found.items()})


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean of the values that there are."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def calibration(
    predicted: Predicted, chances: Sequence[Any], right: Sequence[Any], unit: Literal["rows", "words", "labels"]
) -> Calibration | None:
    """Reliability curve and expected calibration error; chances: for each seed the probabilities of what was predicted;
    right: whether it was. Probabilities that are no number are left out; None where there are no others."""
    import numpy

    # Intervals are open on the left, as in Guo et al. 2017.
    edges = numpy.linspace(0, 1, BINS + 1)
    eces: list[float | None] = []
    total = numpy.zeros((3, BINS))  # predictions, sum of probabilities, right ones
    for of_seed, hits in zip(chances, right, strict=True):
        of_seed, hits = numpy.asarray(of_seed, dtype=float), numpy.asarray(hits, dtype=float)
        known = numpy.isfinite(of_seed)
        of_seed, hits = of_seed[known], hits[known]
        place = numpy.searchsorted(edges[1:-1], of_seed)
        sums = numpy.stack([numpy.bincount(place, weights, BINS) for weights in (None, of_seed, hits)])
        eces.append(float(numpy.abs(sums[1] - sums[2]).sum() / len(of_seed)) if len(of_seed) else None)
        total += sums
    ece = predicted.measure(eces)
    if ece is None:
        return None
    bins = [
        ReliabilityBin(number(edges[at]), number(edges[at + 1]), int(count), number(said / count), number(hit / count))
        for at, (count, said, hit) in enumerate(total.T)
        if count
    ]
    return Calibration(unit, ece, bins)
