"""Metrics of labels: of a row, of several labels per row, of a choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from snakelm.statistics.units import share

if TYPE_CHECKING:
    from pandas import DataFrame

    from snakelm.statistics.units import Floats, Units


def text_classification(predictions: DataFrame) -> dict[str, float]:
    """Accuracy, macro F1 (over the labels seen in gold or prediction) and Matthews correlation; for lists of
    labels micro and macro F1 and the share of rows with exactly the right set.

    Columns gold, prediction: str, or lists of str."""
    from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

    gold, guess = list(predictions["gold"]), list(predictions["prediction"])
    if not isinstance(gold[0], str):
        return _label_sets([set(labels) for labels in gold], [set(labels) for labels in guess])
    return {
        "accuracy": accuracy_score(gold, guess),
        "f1_macro": f1_score(gold, guess, average="macro", zero_division=0),
        "mcc": matthews_corrcoef(gold, guess) if len(set(gold)) > 1 else 0.0,
    }


def _label_sets(gold: list[set[str]], guess: list[set[str]]) -> dict[str, float]:
    import numpy
    from sklearn.metrics import f1_score
    from sklearn.preprocessing import MultiLabelBinarizer

    marks = MultiLabelBinarizer(classes=sorted(set().union(*gold, *guess)))
    exact = float(numpy.mean([a == b for a, b in zip(gold, guess, strict=True)]))
    if not len(marks.classes):
        return {"f1_micro": 1.0, "f1_macro": 1.0, "exact_match": exact}
    gold_BL, guess_BL = marks.fit_transform(gold), marks.transform(guess)
    return {
        "f1_micro": f1_score(gold_BL, guess_BL, average="micro", zero_division=0),
        "f1_macro": f1_score(gold_BL, guess_BL, average="macro", zero_division=0),
        "exact_match": exact,
    }


def text_classification_without(predictions: DataFrame, units: Units) -> dict[str, Floats]:
    """The metrics of `text_classification` of all units but one, for each, from counts of labels."""
    import numpy

    gold, guess = list(predictions["gold"]), list(predictions["prediction"])
    if not isinstance(gold[0], str):
        return _label_sets_without([list(labels) for labels in gold], [list(labels) for labels in guess], units)
    ids = {label: number for number, label in enumerate(sorted({*gold, *guess}))}
    gold_R, guess_R = (numpy.array([ids[label] for label in labels]) for labels in (gold, guess))
    right_R = gold_R == guess_R
    gold_UL, guess_UL = units.counts(gold_R, len(ids)), units.counts(guess_R, len(ids))
    hits_UL = units.counts(numpy.where(right_R, gold_R, -1), len(ids))
    return {
        "accuracy": units.mean_without(right_R),
        "f1_macro": units.without(f1_macro, hits_UL, gold_UL, guess_UL),
        "mcc": units.without(_mcc, hits_UL, gold_UL, guess_UL),
    }


def f1_macro(hits_L: Floats, gold_L: Floats, guess_L: Floats) -> Any:
    """Mean F1 of the labels that occur in gold or prediction, (…, L) → (…)."""
    there_L = gold_L + guess_L > 0
    return share(share(2 * hits_L, gold_L + guess_L).sum(-1), there_L.sum(-1))


def _mcc(hits_L: Floats, gold_L: Floats, guess_L: Floats) -> Any:
    """Matthews correlation of several labels (Gorodkin 2004), 0 where either side has one label alone."""
    import numpy

    rows, right = gold_L.sum(-1), hits_L.sum(-1)
    spread = (rows**2 - (guess_L**2).sum(-1)) * (rows**2 - (gold_L**2).sum(-1))
    return share(right * rows - (gold_L * guess_L).sum(-1), numpy.sqrt(numpy.maximum(spread, 0)))


def _label_sets_without(gold: Sequence[list[str]], guess: Sequence[list[str]], units: Units) -> dict[str, Floats]:
    import numpy

    ids = {label: number for number, label in enumerate(sorted(set().union(*gold, *guess)))}
    exact = units.mean_without([set(a) == set(b) for a, b in zip(gold, guess, strict=True)])
    if not ids:
        ones = numpy.ones(units.count)
        return {"f1_micro": ones, "f1_macro": ones, "exact_match": exact}

    def counts(of_rows: Sequence[set[str]]) -> Floats:
        labels = [ids[label] for row in of_rows for label in row]
        return units.counts(labels, len(ids), [number for number, row in enumerate(of_rows) for _ in row])

    gold_UL, guess_UL = counts([set(row) for row in gold]), counts([set(row) for row in guess])
    hits_UL = counts([set(a) & set(b) for a, b in zip(gold, guess, strict=True)])
    return {
        "f1_micro": units.without(
            lambda h, a, b: share(2 * h.sum(-1), a.sum(-1) + b.sum(-1)), hits_UL, gold_UL, guess_UL
        ),
        "f1_macro": units.without(f1_macro, hits_UL, gold_UL, guess_UL),
        "exact_match": exact,
    }
