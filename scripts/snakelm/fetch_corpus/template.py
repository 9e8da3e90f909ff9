"""The text of a row: a column of it, or several joined by a template."""

from __future__ import annotations

import string
from typing import Any

from snakelm.core.errors import UserError
from snakelm.fetch_corpus.clean import scalar
from snakelm.fetch_corpus.config import TextSource, columns_of
from snakelm.readers.row import Row
from snakelm.readers.rows import column


def text_of(row: Row, source: TextSource) -> Any:
    """The row's value in the column `text`, or what `template` makes of its columns.

    An empty value leaves nothing in its place; None where all are empty. UserError for a column that is not there, or
    that holds no scalar.
    """
    if source.template is None:
        return column(row, source.text)
    values = {name: scalar(column(row, name)) for name in columns_of(source.template)}
    for name, value in values.items():
        if value is NotImplemented:
            raise UserError(f"{row.where}: template: column {name!r} holds {type(column(row, name)).__name__}, no text")
    if all(value is None or value == "" for value in values.values()):
        return None
    filled = {name: "" if value is None else str(value) for name, value in values.items()}
    return _filled(source.template, filled)


def _filled(template: str, values: dict[str, str]) -> str:
    parts = string.Formatter().parse(template)  # str.format would take a dot in a name for an attribute
    return "".join(before + (values[name] if name is not None else "") for before, name, _, _ in parts)
