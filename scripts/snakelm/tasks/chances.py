"""Predictions from probabilities (chances) of labels: their columns in a table, and the cut between yes and no.

Of several labels per row each has a chance of its own, and whether it is predicted depends on a threshold. 0.5 is best
only for accuracy label by label: where every label is rare, as one intent among sixty, a model that ranks labels well
may give none of them more than 0.5, and so no prediction at all. Here one threshold serves all labels, chosen for the
best micro-F1 on validation. One, since what maximises micro-F1 is the same cut for every label (half the F1 that can
be reached, if the chances are calibrated: Lipton, Elkan and Narayanaswamy, "Optimal Thresholding of Classifiers to
Maximize F1 Measure", ECML-PKDD 2014), and since a cut for each of many labels with a few validation rows each fits
their noise (Fan and Lin, "A Study on Threshold Selection for Multi-label Classification", 2007; the former call it the
winner's curse).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

UNTUNED = 0.5
"""The threshold where there is nothing to tune it on."""


def chance_column(label: str) -> str:
    """The column of predictions that holds the probability of a label."""
    return f"p({label})"


def with_chances(
    frame: DataFrame, labels: Sequence[str], chances_BC: np.ndarray, all_labels: Sequence[str] = ()
) -> DataFrame:
    """The table with one column for each label's chance at its end; 0 for those of `all_labels` that have none."""
    import pandas

    of_label = {label: chances_BC[:, number] for number, label in enumerate(labels)}
    columns = {chance_column(label): of_label.get(label, 0.0) for label in all_labels or labels}
    return pandas.concat([frame, pandas.DataFrame(columns, index=frame.index)], axis=1)


def decided(predictions: DataFrame, labels: Sequence[str], threshold: float) -> DataFrame:
    """The table with `prediction`, the labels whose chance is above the threshold, and `score`, the chance of the
    decision about the label that is least certain."""
    import numpy as np

    chances_BC = _chances(predictions, labels)
    chosen_BC = chances_BC > threshold
    found: list[Any] = [sorted(labels[int(c)] for c in np.flatnonzero(chosen)) for chosen in chosen_BC]
    table = predictions.assign(prediction=found, score=np.where(chosen_BC, chances_BC, 1 - chances_BC).min(1))
    chances = [chance_column(label) for label in labels]
    return table[[name for name in table if name not in chances] + chances]


def best_threshold(predictions: DataFrame, labels: Sequence[str]) -> float:
    """The threshold with the best micro-F1 on these rows: half-way between the chances that it separates, the highest
    of equally good ones; UNTUNED where no row has a label. Labels of rows that no chance is given for count as missed.

    All thresholds are tried: with the chances in falling order, F1 of the first k is 2 · hits(k) / (k + all labels).
    """
    import numpy as np

    chances = _chances(predictions, labels).ravel()
    marks = np.array([[label in gold for label in labels] for gold in predictions["gold"]]).ravel()
    total = sum(len(gold) for gold in predictions["gold"])
    if not marks.any():
        return UNTUNED
    order = np.argsort(-chances, kind="stable")
    chances, hits = chances[order], np.cumsum(marks[order])
    f1 = 2 * hits / (np.arange(1, len(chances) + 1) + total)
    following = np.append(chances[1:], 0.0)
    f1[chances == following] = -1  # equal chances cannot be separated
    best = int(f1.argmax())
    return float((chances[best] + following[best]) / 2)


def _chances(predictions: DataFrame, labels: Sequence[str]) -> np.ndarray:
    chances_BC: np.ndarray = predictions[[chance_column(label) for label in labels]].to_numpy(dtype=float)
    return chances_BC
