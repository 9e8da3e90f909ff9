"""Metrics of labels: of a row, of several labels per row, of a choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame


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
