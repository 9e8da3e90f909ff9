"""Predictions in the formats of the field, which its own scorers read as they are: a task type declares which."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TextIO, TypeAlias

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
