"""The columns that stand beside the text: which there are, and of what type, found out while reading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow

from snakelm.core.console import log
from snakelm.core.errors import UserError
from snakelm.fetch_corpus.clean import scalar
from snakelm.readers.corpus import NAMED
from snakelm.readers.row import Row
from snakelm.readers.rows import column, has_column

MOST = 1000
TYPES: dict[type | None, pyarrow.DataType] = {
    bool: pyarrow.bool_(),
    int: pyarrow.int64(),
    float: pyarrow.float64(),
    str: pyarrow.string(),
    None: pyarrow.string(),
}


class Columns:
    """Collects columns in order of first appearance.

    A column holds one type: ints and floats together are floats, any other mixture becomes strings. A row without
    the column has null. Values that are not scalars (lists, dicts) leave the column out, with a warning, unless the
    recipe asks for it.
    """

    def __init__(self, keep: list[str] | None, has_names: bool = False):
        self.keep = keep
        self.own = ("text", "source") if has_names else ("text",)
        """The corpus's own columns, which come before those of the sources."""
        self.types: dict[str, type | None] = dict.fromkeys(keep or ())
        self.seen: set[str] = set()
        self.nested: dict[str, str] = {}
        self.mixed: set[str] = set()
        if "text" in self.types:
            raise UserError("keep: the document itself becomes the column text")
        if "source" in self.types and has_names:
            raise UserError("keep: the name of the source becomes the column source")

    def values(self, row: Row, text: str | None) -> list[Any]:
        """The row's values, one for each column known so far; `text` is the column that is the document, if one is."""
        if self.keep is None:
            for name in row:
                if name not in self.types and name != text:
                    self.types[name] = None
                    if len(self.types) > MOST:
                        raise UserError(
                            f"{row.where}: more than {MOST} columns; name those to keep, as in keep: [year]"
                        )
        return [self._value(row, name) for name in self.types]

    def _value(self, row: Row, name: str) -> Any:
        if not has_column(row, name):
            return None
        self.seen.add(name)
        cell = column(row, name)
        value = scalar(cell)
        if value is NotImplemented:
            if self.keep is not None:
                raise UserError(f"{row.where}: keep: column {name!r} holds {type(cell).__name__}, no scalars")
            self.nested.setdefault(name, row.where)
            return None
        if value is not None:
            self._widen(name, type(value))
        return value

    def _widen(self, name: str, kind: type) -> None:
        known = self.types[name]
        if known is kind or known is str:
            return
        if known is None:
            self.types[name] = kind
        elif {known, kind} == {int, float}:
            self.types[name] = float
        else:
            self.types[name] = str
            self.mixed.add(name)

    def refuse_or_warn(self) -> None:
        """After the last row: UserError for a column of `keep` that no row has; warnings for what is left out."""
        if self.keep is not None and (missing := [name for name in self.keep if name not in self.seen]):
            raise UserError(*(f"keep: no row has a column {name!r}" for name in missing))
        for name, where in sorted(self.nested.items()):
            log.warning("column %r is left out: it holds lists or objects (first: %s)", name, where)
        for name in sorted(self.mixed - set(self.nested)):
            log.warning("column %r mixes types; its values are kept as strings", name)
        if "text" in self.names(all_of_them=True):
            log.warning("the source's column 'text' is left out: the document, which is another, takes its name")
        if "source" in self.names(all_of_them=True) and "source" in self.own:
            log.warning("the source's column 'source' is left out: the name of the source takes its name")

    def names(self, all_of_them: bool = False) -> list[str]:
        """The columns that are written, in order."""
        return [name for name in self.types if all_of_them or (name not in self.nested and name not in self.own)]

    def schema(self) -> pyarrow.Schema:
        fields = [pyarrow.field(name, pyarrow.string(), nullable=False) for name in self.own]
        fields += [pyarrow.field(name, TYPES[self.types[name]]) for name in self.names()]
        return pyarrow.schema(fields, metadata=NAMED if "source" in self.own else None)

    def in_order(self, values: Sequence[Any]) -> list[Any]:
        """Values of one row as written by `values` → those of `names`, in the columns' final types."""
        padded = dict.fromkeys(self.types) | dict(zip(self.types, values, strict=False))
        return [self._typed(padded[name], self.types[name]) for name in self.names()]

    @staticmethod
    def _typed(value: Any, kind: type | None) -> Any:
        return value if value is None or kind is None or type(value) is kind else kind(value)
