"""Metrics of tags, one per word."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from snakelm.metrics.classes import Marks, Occurrences, in_order
from snakelm.metrics.classification import f1_macro
from snakelm.statistics.units import share

if TYPE_CHECKING:
    from pandas import DataFrame

    from snakelm.statistics.units import Floats, Units

NO_TAG = "<none>"
"""The prediction for a word of which the tokenizer left no token: no tag of any data set, so it counts as wrong."""
_SPAN_TAG = re.compile(r"[BIESLU]-.+")


def is_span_tag(tag: str) -> bool:
    """Whether a tag marks a place in a span (B-PER, I-PER, …) as in IOB and BIOES, rather than a word class."""
    return _SPAN_TAG.fullmatch(tag) is not None


def mark_spans(tags: Collection[str]) -> bool:
    """Whether the tags of a test mark spans: some do, or all are O, where there happens to be no span."""
    return any(is_span_tag(tag) for tag in tags) or set(tags) == {"O"}


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
    if not mark_spans(set(flat_gold)):
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


def token_classification_without(predictions: DataFrame, units: Units) -> dict[str, Floats]:
    """The metrics of `token_classification` of all units but one, for each; words of a row belong together."""
    import numpy

    gold, guess = [list(row) for row in predictions["gold"]], [list(row) for row in predictions["prediction"]]
    right = [sum(a == b for a, b in zip(*rows, strict=True)) for rows in zip(gold, guess, strict=True)]
    words = units.total([len(row) for row in gold])
    found = {"accuracy": units.without(share, units.total(right), words)}
    tags = {tag for row in gold for tag in row}
    if not mark_spans(tags):
        seen = sorted(tags | ({tag for row in guess for tag in row} - {NO_TAG, ""}))
        ids = {tag: number for number, tag in enumerate(seen)}
        rows = [number for number, row in enumerate(gold) for _ in row]
        gold_W, guess_W = (numpy.array([ids.get(tag, -1) for row in side for tag in row]) for side in (gold, guess))
        hits_W = numpy.where(gold_W == guess_W, gold_W, -1)
        counts = (units.counts(each, len(ids), rows) for each in (hits_W, gold_W, guess_W))
        return found | {"f1_macro": units.without(f1_macro, *counts)}
    from seqeval.metrics.sequence_labeling import get_entities

    guess = [["O" if tag in (NO_TAG, "") else tag for tag in row] for row in guess]
    spans = [(set(get_entities(a)), set(get_entities(b))) for a, b in zip(gold, guess, strict=True)]
    hits, true, said = (
        units.total(counts) for counts in zip(*((len(a & b), len(a), len(b)) for a, b in spans), strict=True)
    )
    return found | {
        "f1": units.without(lambda h, t, s: share(2 * h, t + s), hits, true, said),
        "precision": units.without(share, hits, said),
        "recall": units.without(share, hits, true),
    }


def tag_marks(
    gold: Sequence[list[str]], guesses: Sequence[Sequence[list[str]]], labels: Sequence[str]
) -> tuple[list[Marks], list[str]]:
    """The tags of words for each seed's predictions, and all tags; a word without a prediction has none."""
    seen = {tag for rows in (gold, *guesses) for row in rows for tag in row} - {NO_TAG, ""}
    names = in_order(labels, seen)
    ids = {tag: number for number, tag in enumerate(names)}
    return [Marks.of_words(gold, guess, ids) for guess in guesses], names


def entity_marks(
    gold: Sequence[list[str]], guesses: Sequence[Sequence[list[str]]], labels: Sequence[str]
) -> tuple[list[Marks], list[str]]:
    """The entities, as conlleval finds them, for each seed's predictions, and all kinds of them."""
    from seqeval.metrics.sequence_labeling import get_entities

    def entities(rows: Sequence[list[str]]) -> list[set[tuple[str, int, int]]]:
        return [set(get_entities(["O" if tag in (NO_TAG, "") else tag for tag in row])) for row in rows]

    of_gold, of_guesses = entities(gold), [entities(guess) for guess in guesses]
    known = list(dict.fromkeys(label.partition("-")[2] for label in labels if is_span_tag(label)))
    names = in_order(known, (kind for rows in (of_gold, *of_guesses) for row in rows for kind, _, _ in row))
    ids = {kind: number for number, kind in enumerate(names)}

    def occurrences(rows: Iterable[set[tuple[str, int, int]]]) -> Occurrences:
        return Occurrences.of(([kind for kind, _, _ in row] for row in rows), ids)

    found = [
        Marks(occurrences(of_gold), occurrences(guess), occurrences(a & b for a, b in zip(of_gold, guess, strict=True)))
        for guess in of_guesses
    ]
    return found, names
