"""One row of a source: a dict that knows where it came from."""

from __future__ import annotations

from typing import Any

from snakelm.readers.sentences import Sentence

FILE = "file"
"""The column that rows from files have beside those of their own: the path."""


class Row(dict[str, Any]):
    """Column → value, with `file` (as the recipe names it) and `line` (counted from 1) for messages; of CoNLL also the
    `sentence` as it stands there."""

    __slots__ = ("file", "line", "counted", "path", "sentence")

    def __init__(
        self, values: dict[str, Any], file: str, line: int, counted: str = "line", sentence: Sentence | None = None
    ):
        super().__init__(values)
        self.file, self.line, self.counted = file, line, counted
        self.sentence = sentence
        self.path: str | None = None
        """The file that it was read from, in an archive with the member's path; None for rows from elsewhere."""

    @property
    def where(self) -> str:
        """'data/x.csv line 12', to begin a message with."""
        return f"{self.file} {self.counted} {self.line}"
