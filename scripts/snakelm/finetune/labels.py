"""Labels as a recipe, a file and a model see them: cells of a column → label names or numbers, checked row by row."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from snakelm.errors import UserError, did_you_mean

Where = Callable[[int], str]
"""Number of a row in its source (from 0) → how to name it to the user."""


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: None, NaN, or blanks only."""
    if value is None or isinstance(value, float) and math.isnan(value):
        return True
    return isinstance(value, str) and not value.strip()


def label_names(cells: Sequence[Any], column: str, where: Where) -> list[str]:
    """Cells of a label column as names: 1 and 1.0 are '1', true is 'true', text is stripped.

    Raises UserError where text and numbers are mixed, which is an accident in every file seen so far.
    """
    kinds: dict[str, int] = {}
    names = []
    for row, cell in enumerate(cells):
        kind, name = _label_name(cell)
        if kind not in kinds and kinds:
            other, first = next(iter(kinds.items()))
            raise UserError(
                f"{where(row)}: column {column} holds {kind} ({name!r}), but {other} at {where(first)};"
                " write all labels in one way"
            )
        kinds.setdefault(kind, row)
        if kind == "a list or an object":
            raise UserError(f"{where(row)}: column {column} holds {kind}; several labels need multi_label: true")
        names.append(name)
    return names


def _label_name(cell: Any) -> tuple[str, str]:
    if hasattr(cell, "item") and not hasattr(cell, "__len__"):
        cell = cell.item()
    if isinstance(cell, bool):
        return "true or false", str(cell).lower()
    if isinstance(cell, (int, float)):
        return "a number", str(int(cell)) if float(cell).is_integer() else str(cell)
    if isinstance(cell, str):
        return "text", cell.strip()
    return "a list or an object", str(cell)


def label_sets(cells: Sequence[Any], column: str, separator: str, where: Where) -> list[list[str]]:
    """Cells with any number of labels (a list, or text with a separator) as sorted lists without repetition."""
    sets = []
    for row, cell in enumerate(cells):
        parts = cell.split(separator) if isinstance(cell, str) else [] if is_missing_list(cell) else list(cell)
        names = label_names([part for part in parts if not is_missing(part)], column, lambda _, row=row: where(row))
        sets.append(sorted(set(names)))
    return sets


def is_missing_list(cell: Any) -> bool:
    return cell is None or isinstance(cell, float) and math.isnan(cell)


def numbers(cells: Sequence[Any], column: str, where: Where) -> list[float]:
    """Cells of a numeric column; UserError names the first that is text, infinite or missing."""
    values = []
    for row, cell in enumerate(cells):
        try:
            value = float(cell)
        except (TypeError, ValueError):
            raise UserError(f"{where(row)}: column {column} must hold a number, found {_short(cell)}") from None
        if not math.isfinite(value):
            raise UserError(f"{where(row)}: column {column} must hold a finite number, found {cell}")
        values.append(value)
    return values


def bin_names(edges: Sequence[float], names: Sequence[str] | None) -> list[str]:
    """Names of the classes between the edges: as given, else '1790-1840'."""
    if names is not None:
        return list(names)
    return [f"{low:g}-{high:g}" for low, high in zip(edges, edges[1:], strict=False)]


def binned(values: Sequence[float], edges: Sequence[float], names: Sequence[str], where: Where) -> list[str]:
    """The class of each value: low ≤ x < high, the last interval with its upper edge."""
    labels = []
    for row, value in enumerate(values):
        if not edges[0] <= value <= edges[-1]:
            raise UserError(f"{where(row)}: {value:g} lies outside the bins, {edges[0]:g} to {edges[-1]:g}")
        labels.append(names[min(bisect.bisect_right(edges, value), len(names)) - 1])
    return labels


def infer(seen: Iterable[str]) -> list[str]:
    """The label set of the data in a fixed order: numbers by value, then names by code point."""

    def order(name: str) -> tuple[bool, float, str]:
        try:
            return False, float(name), name
        except ValueError:
            return True, 0.0, name

    return sorted(set(seen), key=order)


def check_known(labels_of_rows: Iterable[Iterable[str]], known: Sequence[str], split: str, where: Where) -> None:
    """Refuse a label outside the set, naming the row, the label and how often such labels occur."""
    allowed = set(known)
    strange = [(row, label) for row, labels in enumerate(labels_of_rows) for label in labels if label not in allowed]
    if strange:
        row, label = strange[0]
        more = f" ({len(strange)} such labels in {split})" if len(strange) > 1 else ""
        raise UserError(
            f"{where(row)}: label {label!r} of the {split} split does not occur in training{more}"
            f"{did_you_mean(label, known)}"
        )


def _short(cell: Any, length: int = 40) -> str:
    text = repr(cell)
    return text if len(text) <= length else text[: length - 1] + "…"
