"""Which errors are the most confident."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from snakelm.metrics.details import MOST_CHARACTERS, MOST_ERRORS, WrongRow, label_text, rounded, shortened

if TYPE_CHECKING:
    from pandas import DataFrame

WORDS_AROUND = 12
"""Words that are quoted before and behind one that is tagged wrong."""


def most_confident(wrong: Any, scores: Any) -> list[int]:
    """The positions of the MOST_ERRORS wrong rows with the highest scores, both (rows,), the first of equal ones first;
    those whose score is no number are left out."""
    import numpy

    scores = numpy.asarray(scores, dtype=float)
    places = numpy.flatnonzero(numpy.asarray(wrong, dtype=bool) & numpy.isfinite(scores))
    return [int(place) for place in places[numpy.argsort(-scores[places], kind="stable")][:MOST_ERRORS]]


def wrong_rows(
    table: DataFrame,
    wrong: Any,
    texts: Sequence[str],
    gold: Sequence[str],
    predicted: Sequence[str],
    scores: Any = None,
) -> list[WrongRow]:
    """The most confident errors of a table of predictions; without scores, and without the column `score`, none.

    texts, gold, predicted: how input, answer and prediction of each row are shown."""
    if scores is None:
        if "score" not in table:
            return []
        scores = table["score"].to_numpy(float)
    return [
        _row(table, at, texts[at], gold[at], predicted[at], scores[at]) for at in most_confident(wrong, abs(scores))
    ]


def wrong_words(table: DataFrame) -> list[WrongRow]:
    """The most confident errors of a table with lists of words, tags and scores: each with the words around it."""
    if "score" not in table:
        return []
    columns = (table[name] for name in ("words", "gold", "prediction", "score"))
    flat = [
        (row, at, gold, guess, score)
        for row, (words, golds, guesses, scores) in enumerate(zip(*columns, strict=True))
        for at, (_, gold, guess, score) in enumerate(zip(words, golds, guesses, scores, strict=True))
    ]
    chosen = most_confident([gold != guess for _, _, gold, guess, _ in flat], [score for *_, score in flat])
    return [
        _row(table, row, _around(table["words"].iloc[row], at), gold, guess, score)
        for row, at, gold, guess, score in (flat[place] for place in chosen)
    ]


def _around(words: Sequence[str], at: int) -> str:
    first, end = max(0, at - WORDS_AROUND), at + WORDS_AROUND + 1
    before, behind = list(words[first:at]), list(words[at + 1 : end])
    parts = [*before, f"⟦{words[at]}⟧", *behind]
    return " ".join((["…"] if first else []) + parts + (["…"] if end < len(words) else []))


def _row(table: DataFrame, at: int, text: str, gold: str, predicted: str, score: float) -> WrongRow:
    row = int(table["row"].iloc[at]) if "row" in table else at
    most = MOST_CHARACTERS // 2
    return WrongRow(row, shortened(text), shortened(gold, most), shortened(predicted, most), rounded(score))


def shown_text(table: DataFrame, names: Sequence[str] = ("text", "text_pair")) -> list[str]:
    """The input of each row on one line: of a pair both sides, with / between them."""
    sides = [name for name in names if name in table]
    most = (MOST_CHARACTERS - 3 * max(len(sides) - 1, 0)) // max(len(sides), 1)
    if not sides:
        return [""] * len(table)
    return [
        " / ".join(shortened(text, most) for text in texts) for texts in zip(*(table[n] for n in sides), strict=True)
    ]


def shown_labels(cells: Iterable[Any]) -> list[str]:
    """Labels of each row as they are shown: one, or several."""
    return [label_text(cell) if isinstance(cell, str) else ", ".join(label_text(one) for one in cell) for cell in cells]
