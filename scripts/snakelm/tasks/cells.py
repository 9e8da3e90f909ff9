"""What the cells of a source's rows say, whatever shape they have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from snakelm.tasks.labels import is_missing, listed


def is_empty(cell: object, empty: frozenset[str]) -> bool:
    """Whether a cell says nothing: nothing is in it, or only words that mean nothing."""
    return all(part in empty for part in parts(cell))


def parts(cell: Any) -> Iterator[str]:
    """The words of a cell and of the cells in it, also of SQuAD's {text, answer_start}."""
    if isinstance(cell, Mapping):
        cell = cell.get("text")
    cell = listed(cell)
    if hasattr(cell, "tolist"):
        cell = cell.tolist()
    if isinstance(cell, (list, tuple)):
        for part in cell:
            yield from parts(part)
    elif not is_missing(cell):
        yield from str(cell).split()
