"""Metrics of tags, one per word."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame

NO_TAG = "<none>"
"""The prediction for a word of which the tokenizer left no token: no tag of any data set, so it counts as wrong."""
_SPAN_TAG = re.compile(r"[BIESLU]-.+")


def is_span_tag(tag: str) -> bool:
    """Whether a tag marks a place in a span (B-PER, I-PER, …) as in IOB and BIOES, rather than a word class."""
    return _SPAN_TAG.fullmatch(tag) is not None


def token_classification(predictions: DataFrame) -> dict[str, float]:
    """Accuracy over all words; with span tags also entity precision, recall and F1 as conlleval counts them
    (seqeval), else macro F1 over tags. A split whose tags are all O has span tags, of which it holds none. A word
    without a prediction is wrong, and no part of an entity.

    Columns gold, prediction: lists of str of equal length; NO_TAG (or "") where the model gave no tag."""
    from sklearn.metrics import accuracy_score, f1_score

    gold, guess = [list(row) for row in predictions["gold"]], [list(row) for row in predictions["prediction"]]
    flat_gold = [tag for row in gold for tag in row]
    flat_guess = [tag for row in guess for tag in row]
    accuracy = accuracy_score(flat_gold, flat_guess)
    if not any(is_span_tag(tag) for tag in flat_gold) and set(flat_gold) != {"O"}:
        seen = sorted(set(flat_gold) | (set(flat_guess) - {NO_TAG, ""}))
        return {
            "accuracy": accuracy,
            "f1_macro": f1_score(flat_gold, flat_guess, labels=seen, average="macro", zero_division=0),
        }
    from seqeval import metrics as entities

    guess = [["O" if tag in (NO_TAG, "") else tag for tag in row] for row in guess]
    return {
        "f1": entities.f1_score(gold, guess, zero_division=0),
        "precision": entities.precision_score(gold, guess, zero_division=0),
        "recall": entities.recall_score(gold, guess, zero_division=0),
        "accuracy": accuracy,
    }
