"""Label by label: precision, recall, F1 and support, and which label is taken for which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from snakelm.metrics.details import (
    MOST_CELLS,
    MOST_LABELS,
    MOST_PAIRS,
    Classes,
    ClassScore,
    ConfusedPair,
    Confusion,
    label_text,
    number,
    rounded,
)
from snakelm.metrics.ranges import SHARE
from snakelm.statistics.units import share

if TYPE_CHECKING:
    from snakelm.metrics.predicted import Predicted
    from snakelm.statistics.units import Integers

DIGITS = 4
"""Significant digits of the scores of labels, of which there are many."""


@dataclass(frozen=True, eq=False)
class Occurrences:
    """Where labels occur: the id of each, and its row, both (n,)."""

    ids: Integers
    rows: Integers

    @classmethod
    def of(cls, rows: Iterable[Iterable[str]], ids: Mapping[str, int]) -> Occurrences:
        """Those of each row's labels; what has no id is left out."""
        import numpy

        found = [(ids[label], row) for row, labels in enumerate(rows) for label in labels if label in ids]
        pairs = numpy.array(found, dtype=numpy.int64).reshape(-1, 2)
        return cls(pairs[:, 0], pairs[:, 1])


@dataclass(frozen=True, eq=False)
class Marks:
    """The labels of one seed's test: true ones, predicted ones, and those that are both."""

    gold: Occurrences
    predicted: Occurrences
    hits: Occurrences

    @classmethod
    def of_sets(
        cls, gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], ids: Mapping[str, int]
    ) -> Marks:
        """Of the sets of labels of each row."""
        both = [set(a) & set(b) for a, b in zip(gold, predicted, strict=True)]
        return cls(*(Occurrences.of(map(set, rows), ids) for rows in (gold, predicted, both)))

    @classmethod
    def of_words(
        cls, gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], ids: Mapping[str, int]
    ) -> Marks:
        """Of the tags of each row's words."""
        both = [[a for a, b in zip(*row, strict=True) if a == b] for row in zip(gold, predicted, strict=True)]
        return cls(*(Occurrences.of(rows, ids) for rows in (gold, predicted, both)))


def in_order(labels: Sequence[str], seen: Iterable[str]) -> list[str]:
    """A task's labels, and behind them those that it has not but that occur."""
    return [*labels, *sorted(set(seen).difference(labels))]


def class_scores(
    predicted: Predicted,
    marks: Sequence[Marks],
    labels: Sequence[str],
    unit: Literal["rows", "words", "entities"],
    aurocs: Sequence[float | None] = (),
) -> Classes:
    """Scores of each label against all others, means over seeds; marks: those of each seed. aurocs: of each label."""
    import numpy

    size = len(labels)
    gold_L = numpy.bincount(marks[0].gold.ids, minlength=size)
    guess_SL = numpy.stack([numpy.bincount(each.predicted.ids, minlength=size) for each in marks])
    hits_SL = numpy.stack([numpy.bincount(each.hits.ids, minlength=size) for each in marks])
    never_L = ((guess_SL == 0) & (gold_L > 0)).sum(0)
    precision_L, recall_L = share(hits_SL, guess_SL).mean(0), share(hits_SL, gold_L).mean(0)
    frequent = numpy.argsort(-gold_L, kind="stable")
    kept = sorted(frequent[:MOST_LABELS].tolist())
    f1_SK = share(2 * hits_SL, gold_L + guess_SL)[:, kept]
    intervals = _intervals(predicted, marks, kept, size, f1_SK)
    scores = [
        ClassScore(
            label=label_text(labels[at]),
            support=int(gold_L[at]),
            predicted=number(guess_SL[:, at].mean(), DIGITS),
            precision=number(precision_L[at], DIGITS),
            recall=number(recall_L[at], DIGITS),
            f1=number(f1_SK[:, place].mean(), DIGITS),
            f1_low=rounded(intervals[place][0], DIGITS),
            f1_high=rounded(intervals[place][1], DIGITS),
            auroc=rounded(aurocs[at], DIGITS) if aurocs else None,
        )
        for place, at in enumerate(kept)
    ]
    never = [at for at in frequent.tolist() if never_L[at]][:MOST_LABELS]
    return Classes(unit, scores, size, {label_text(labels[at]): int(never_L[at]) for at in never})


def _intervals(
    predicted: Predicted, marks: Sequence[Marks], kept: Sequence[int], size: int, f1_SK: Any
) -> list[tuple[float | None, float | None]]:
    """The interval of F1 of each of the labels `kept`."""
    import numpy

    place = numpy.full(size, -1)
    place[kept] = range(len(kept))
    units = predicted.units

    def without(each: Marks) -> Any:
        sides = (each.hits, each.gold, each.predicted)
        sums = [units.counts(place[side.ids], len(kept), side.rows) for side in sides]
        return [units.without(_f1, *(of_unit[:, k] for of_unit in sums)) for k in range(len(kept))]

    found = [without(each) for each in marks]
    return [
        predicted.interval(f1_SK[:, k].tolist(), [of_seed[k] for of_seed in found], SHARE) for k in range(len(kept))
    ]


def _f1(hits: Any, gold: Any, guess: Any) -> Any:
    return share(2 * hits, gold + guess)


def confusion(
    predicted: Predicted,
    gold: Sequence[str],
    guesses: Sequence[Sequence[str]],
    labels: Sequence[str],
    unit: Literal["rows", "words"],
) -> Confusion:
    """How often which label is predicted for which; gold: of each row (or word); guesses: the same of each seed."""
    import numpy

    size = len(labels)
    ids = {label: place for place, label in enumerate(labels)}
    gold_N = numpy.array([ids[label] for label in gold], dtype=numpy.int64)
    codes_SN = [gold_N * size + numpy.array([ids[label] for label in guess], dtype=numpy.int64) for guess in guesses]
    names = [label_text(label) for label in labels]
    if size > MOST_LABELS:
        codes, counts = numpy.unique(numpy.concatenate(codes_SN), return_counts=True)
        wrong = codes // size != codes % size
        codes, counts = codes[wrong], counts[wrong]
        worst = numpy.argsort(-counts, kind="stable")[:MOST_PAIRS]
        pairs = [ConfusedPair(names[codes[at] // size], names[codes[at] % size], int(counts[at])) for at in worst]
        return Confusion(unit, pairs=pairs)
    matrices = [numpy.bincount(codes, minlength=size * size).reshape(size, size) for codes in codes_SN]
    few = len(matrices) > 1 and len(matrices) * size * size <= MOST_CELLS
    by_seed = {seed: _lines(matrix) for seed, matrix in zip(predicted.tables, matrices, strict=True)} if few else {}
    return Confusion(unit, names, _lines(sum(matrices)), by_seed)


def _lines(matrix: Any) -> list[str]:
    return [" ".join(map(str, row)) for row in matrix.tolist()]
