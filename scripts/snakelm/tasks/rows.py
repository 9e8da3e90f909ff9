"""Cells of a source's rows as texts and lists of texts, checked one by one."""

from __future__ import annotations

from collections.abc import Sequence

from snakelm.core.errors import UserError
from snakelm.readers.row import Row
from snakelm.readers.rows import column
from snakelm.tasks.labels import is_missing, is_missing_list, listed


def read_texts(rows: Sequence[Row], name: str) -> list[str]:
    """A column of texts; a missing one is ''. UserError names the first cell that holds something else."""
    found = []
    for row in rows:
        cell = column(row, name)
        if not isinstance(cell, str) and not is_missing(cell):
            raise UserError(
                f"{row.where}: column {name} must hold text, found {type(cell).__name__} {str(cell)[:40]!r}"
            )
        found.append(as_utf8(cell, row, name) if isinstance(cell, str) else "")
    return found


def as_utf8(text: str, row: Row, name: str) -> str:
    """The text; UserError if it cannot be written as UTF-8 (half of a surrogate pair, as cut-off emoji leave it)."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UserError(
            f"{row.where}: column {name} holds half a character at {error.start} (a lone surrogate)"
        ) from None
    return text


def read_list(row: Row, name: str) -> list[str]:
    """A cell with a list of texts, or with texts separated by whitespace."""
    cell = column(row, name)
    if isinstance(cell := listed(cell), str):
        return as_utf8(cell, row, name).split()
    if is_missing_list(cell):
        return []
    if not hasattr(cell, "__iter__") or isinstance(cell, dict):
        raise UserError(f"{row.where}: column {name} must hold a list, found {type(cell).__name__}")
    return ["" if is_missing(part) else as_utf8(str(part), row, name) for part in cell]
