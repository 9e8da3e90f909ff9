"""Metrics of labels: of a row, of each word of a row, of a choice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame

_SPAN_TAG = re.compile(r"[BIESLU]-.+")


def is_span_tag(tag: str) -> bool:
    """Whether a tag marks a place in a span (B-PER, I-PER, …) as in IOB and BIOES, rather than a word class."""
    return _SPAN_TAG.fullmatch(tag) is not None


def text_classification(predictions: DataFrame) -> dict[str, float]:
    """Accuracy, macro F1 (over the labels seen in gold or prediction) and Matthews correlation; for lists of
    labels micro and macro F1 and the share of rows with exactly the right set."""
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
    exact = numpy.mean([a == b for a, b in zip(gold, guess, strict=True)])
    if not len(marks.classes):
        return {"f1_micro": 1.0, "f1_macro": 1.0, "exact_match": exact}
    gold_BL, guess_BL = marks.fit_transform(gold), marks.transform(guess)
    return {
        "f1_micro": f1_score(gold_BL, guess_BL, average="micro", zero_division=0),
        "f1_macro": f1_score(gold_BL, guess_BL, average="macro", zero_division=0),
        "exact_match": exact,
    }


def token_classification(predictions: DataFrame) -> dict[str, float]:
    """Accuracy over all words; with span tags also entity precision, recall and F1 as conlleval counts them
    (seqeval), else macro F1 over tags. A split whose tags are all O has span tags, of which it holds none. A word
    without a prediction is wrong, and no part of an entity."""
    from sklearn.metrics import accuracy_score, f1_score

    gold, guess = [list(row) for row in predictions["gold"]], [list(row) for row in predictions["prediction"]]
    flat_gold = [tag for row in gold for tag in row]
    flat_guess = [tag for row in guess for tag in row]
    accuracy = accuracy_score(flat_gold, flat_guess)
    if not any(is_span_tag(tag) for tag in flat_gold) and set(flat_gold) != {"O"}:
        seen = sorted(set(flat_gold) | (set(flat_guess) - {""}))
        return {
            "accuracy": accuracy,
            "f1_macro": f1_score(flat_gold, flat_guess, labels=seen, average="macro", zero_division=0),
        }
    from seqeval import metrics as entities

    guess = [[tag or "O" for tag in row] for row in guess]
    return {
        "f1": entities.f1_score(gold, guess, zero_division=0),
        "precision": entities.precision_score(gold, guess, zero_division=0),
        "recall": entities.recall_score(gold, guess, zero_division=0),
        "accuracy": accuracy,
    }


def choices(predictions: DataFrame) -> dict[str, float]:
    return {"accuracy": (predictions["gold"] == predictions["prediction"]).mean()}


def minimal_pairs(predictions: DataFrame) -> dict[str, float]:
    """The share of pairs whose good sentence is the likelier: overall, the mean over phenomena, and each of them."""
    right = predictions["gold"] == predictions["prediction"]
    by_phenomenon = right.groupby(predictions["phenomenon"]).mean().sort_index()
    each = {f"accuracy/{name}": value for name, value in by_phenomenon.items()} if len(by_phenomenon) > 1 else {}
    return {"accuracy": right.mean(), "accuracy_by_phenomenon": by_phenomenon.mean(), **each}
