"""Labels as a recipe, a file and a model see them: cells of a column → label names or numbers, checked row by row."""

from __future__ import annotations

import ast
import bisect
import math
import re
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from snakelm.core.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from snakelm.tasks.data import Where


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: None, NaN, or whitespace only."""
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
        if kind not in _LABELS:
            raise UserError(
                f"{where(row)}: column {column} holds {kind} ({name}); a label is text, a number, true or false"
            )
        names.append(name)
    return names


def _label_name(cell: Any) -> tuple[str, str]:
    if hasattr(cell, "item") and not hasattr(cell, "__len__"):
        cell = cell.item()
    if isinstance(cell, bool):
        return "true or false", str(cell).lower()
    if isinstance(cell, (int, float)):
        return "a number", str(int(cell)) if isinstance(cell, int) or cell.is_integer() else str(cell)
    if isinstance(cell, str):
        return "text", cell.strip()
    if isinstance(cell, (list, tuple, dict)) or hasattr(cell, "__len__"):
        return "a list or an object", str(cell)
    return f"a {type(cell).__name__}", str(cell)


_LABELS = ("true or false", "a number", "text")


def label_sets(cells: Sequence[Any], column: str, separator: str, where: Where) -> list[list[str]]:
    """Cells with any number of labels (a list, or text with a separator) as sorted lists without repetition."""
    sets = []
    for row, cell in enumerate(cells):
        cell = listed(cell)
        if isinstance(cell, dict):
            raise UserError(f"{where(row)}: column {column} must hold a list of labels, or text, found an object")
        parts = cell.split(separator) if isinstance(cell, str) else [] if is_missing_list(cell) else cell
        parts = list(parts) if hasattr(parts, "__iter__") else [parts]
        names = label_names([part for part in parts if not is_missing(part)], column, partial(_same, where(row)))
        sets.append(sorted(set(names)))
    return sets


def _same(place: str, _: int) -> str:
    return place


def listed(cell: Any) -> Any:
    """A cell as it is, or the list that it holds as text: "['a', 'b']" is what pandas makes of a list in a CSV file."""
    if isinstance(cell, str) and _LIST.fullmatch(cell.strip()):
        try:
            return ast.literal_eval(cell.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            pass
    return cell


_LIST = re.compile(r"""\[\s*(["'].*["'])?\s*\]""", re.DOTALL)


def is_missing_list(cell: Any) -> bool:
    return cell is None or isinstance(cell, float) and math.isnan(cell)


def numbers(cells: Sequence[Any], column: str, where: Where) -> list[float]:
    """Cells of a numeric column; UserError names the first that is text, infinite or missing."""
    values = []
    for row, cell in enumerate(cells):
        try:
            value = float(cell)
        except (TypeError, ValueError, OverflowError):
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


def unknown(labels_of_rows: Iterable[Iterable[str]], known: Sequence[str]) -> list[tuple[int, str]]:
    """(position of its row, label) for each label that is not known."""
    allowed = set(known)
    return [(row, label) for row, labels in enumerate(labels_of_rows) for label in labels if label not in allowed]


def check_known(
    labels_of_rows: Iterable[Iterable[str]],
    known: Sequence[str],
    split: str,
    where: Where,
    given: str = "training",
    hint: str = "",
) -> None:
    """Refuse a label outside the set, naming the row, the label and how often such labels occur.

    `given` says where the set comes from: training rows, or the recipe's `labels`; `hint` ends the message.
    """
    if strange := unknown(labels_of_rows, known):
        row, label = strange[0]
        more = f" ({len(strange)} such labels in {split})" if len(strange) > 1 else ""
        raise UserError(
            f"{where(row)}: label {label!r} of the {split} split does not occur in {given}{more}"
            f"{did_you_mean(label, known)}{hint}"
        )


def _short(cell: Any, length: int = 40) -> str:
    text = repr(cell)
    return text if len(text) <= length else text[: length - 1] + "…"
