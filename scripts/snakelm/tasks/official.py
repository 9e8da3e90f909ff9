"""Predictions in the formats of the field, which its own scorers read as they are: a task type declares which."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TextIO, TypeAlias

from snakelm.metrics.tags import NO_TAG
from snakelm.readers.row import Row

Answered: TypeAlias = tuple[Row, Mapping[str, Any]]
"""A row as its source has it, and its cells in the table of predictions: its number in the source (`row`), inputs,
`gold` unless it has no label, `prediction`."""


@dataclass(frozen=True)
class OfficialFormat:
    """A format of predictions, in UTF-8 with lines that end in \\n."""

    suffix: str
    """Of the file's name, with the dot."""
    write: Callable[[TextIO, Iterable[Answered]], None]
    """Write the predictions of all rows, one after another as they come."""


def lines(text: Callable[[Any], str] = str) -> OfficialFormat:
    """One line per row, in the rows' order; `text` makes one of a prediction, in which line breaks become spaces. The
    line of a row without a prediction is empty."""

    def write(file: TextIO, answered: Iterable[Answered]) -> None:
        for _, cells in answered:
            said = "" if cells["prediction"] is None else text(cells["prediction"])
            file.write(" ".join(said.splitlines()) + "\n")

    return OfficialFormat(".txt", write)


def _tags(cells: Mapping[str, Any], none: str) -> list[str]:
    """The predicted tags, `none` for a word that has no token."""
    return [none if tag == NO_TAG else tag for tag in cells["prediction"] or ()]


def _write_columns(file: TextIO, answered: Iterable[Answered]) -> None:
    for _, cells in answered:
        columns = [cells["words"], *([cells["gold"]] if "gold" in cells else []), _tags(cells, "O")]
        for values in zip(*columns, strict=True):
            file.write(" ".join("_".join(value.split()) for value in values) + "\n")
        file.write("\n")


COLUMNS = OfficialFormat(".conll", _write_columns)
"""A line per word: word, right tag (where it is known), predicted tag, separated by spaces; conlleval reads it. A space
within a word is written as _, and the tag of a word that the model has no tag for as O."""


def _write_sentences(file: TextIO, answered: Iterable[Answered]) -> None:
    for row, cells in answered:
        if row.sentence is None:
            raise ValueError(f"{row.where}: is no sentence of a CoNLL file")
        file.writelines(f"{line}\n" for line in row.sentence.with_tags(_tags(cells, "_")))
        file.write("\n")


CONLLU = OfficialFormat(".conllu", _write_sentences)
"""The sentences as they are in the source, with the predicted tags in the place of the right ones, and _ for a word
that the model has no tag for."""


def _write_answers(file: TextIO, answered: Iterable[Answered]) -> None:
    file.write("{")
    for number, (row, cells) in enumerate(answered):
        key, text = str(row.get("id", cells["row"])), cells["prediction"] or ""
        file.write((",\n" if number else "\n") + f"{json.dumps(key)}: {json.dumps(text, ensure_ascii=False)}")
    file.write("\n}\n")


ANSWERS = OfficialFormat(".json", _write_answers)
"""SQuAD's {id: answer, …}; a row without `id` goes by its number in the source, from 0. "" is: no answer."""
