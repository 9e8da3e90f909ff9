"""Labels as a recipe, a file and a model see them: cells of a column → label names or numbers, checked row by row."""

from __future__ import annotations

import ast
import bisect
import math
import re
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from snakelm.core.errors import UserError, did_you_mean
from snakelm.readers.classes import ClassNumber
from snakelm.readers.row import Row
from snakelm.readers.rows import column, has_column

if TYPE_CHECKING:
    from snakelm.tasks.data import Where


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: None, NaN, or whitespace only."""
    if value is None or isinstance(value, float) and math.isnan(value):
        return True
    return isinstance(value, str) and not value.strip()


def label_name(value: Any) -> str:
    """The one name of a label, however a file or a recipe writes it: 1, 1.0, '1' and '1.0' are '1'; true, 'True' and
    'TRUE' are 'true'; the number of a named class has its name; any other text is stripped, and '01' stays '01'."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    if _WHOLE.fullmatch(text):
        return str(int(text.partition(".")[0]))
    return text.lower() if text.lower() in ("true", "false") else text


_WHOLE = re.compile(r"-?(0|[1-9][0-9]*)\.0+")


def read_labels(cells: Sequence[Any], column: str, where: Where) -> list[str]:
    """Cells of a label column as names (see `label_name`).

    Raises UserError where text and numbers are mixed, which is an accident in every file seen so far. (A number that
    is written as text goes with either.)
    """
    kinds: dict[str, int] = {}
    names = []
    for row, cell in enumerate(cells):
        if hasattr(cell, "item") and not hasattr(cell, "__len__"):
            cell = cell.item()
        kind, name = _kind(cell), label_name(cell)
        if kind == "a list or an object":
            raise UserError(f"{where(row)}: column {column} holds {kind}; several labels need multi_label: true")
        if kind not in _LABELS:
            raise UserError(
                f"{where(row)}: column {column} holds {kind} ({name}); a label is text, a number, true or false"
            )
        if kind not in kinds and kinds and kind != _ANY:
            other, first = next(iter(kinds.items()))
            raise UserError(
                f"{where(row)}: column {column} holds {kind} ({name!r}), but {other} at {where(first)};"
                " write all labels in one way"
            )
        if kind != _ANY:
            kinds.setdefault(kind, row)
        names.append(name)
    return names


def _kind(cell: Any) -> str:
    if isinstance(cell, bool):
        return "true or false"
    if isinstance(cell, ClassNumber):
        return "text"
    if isinstance(cell, (int, float)):
        return "a number"
    if isinstance(cell, str):
        return _ANY if _WRITTEN_AS_TEXT.fullmatch(label_name(cell)) else "text"
    return "a list or an object" if hasattr(cell, "__len__") else f"a {type(cell).__name__}"


_ANY = "a number, true or false as text"
_WRITTEN_AS_TEXT = re.compile(r"true|false|-?[0-9]+(\.[0-9]+)?")
_LABELS = ("true or false", "a number", "text", _ANY)


def label_sets(cells: Sequence[Any], column: str, separator: str, where: Where) -> list[list[str]]:
    """Cells with any number of labels (a list, or text with a separator) as sorted lists without repetition."""
    sets = []
    for row, cell in enumerate(cells):
        cell = listed(cell)
        if isinstance(cell, dict):
            raise UserError(f"{where(row)}: column {column} must hold a list of labels, or text, found an object")
        parts = cell.split(separator) if isinstance(cell, str) else [] if is_missing_list(cell) else cell
        parts = list(parts) if hasattr(parts, "__iter__") else [parts]
        names = read_labels([part for part in parts if not is_missing(part)], column, partial(_same, where(row)))
        sets.append(sorted(set(names)))
    return sets


def one_hot(rows: Sequence[Row], columns: Sequence[str], missing_is_none: bool) -> list[list[str]]:
    """One column for each label, 1 or true where a row has it and 0 or false where not → sorted lists of labels.

    Raises UserError for anything else; for a cell that says nothing (see `is_unmarked`) unless `missing_is_none`.
    """
    sets = []
    for row in rows:
        found = []
        for name in columns:
            if is_unmarked(row, name):
                if missing_is_none and not _is_withheld(row, name):
                    continue
                column(row, name)  # one that is not there
                found_what = "-1" if _is_withheld(row, name) else "empty"
                others = "" if missing_is_none else " or empty (take it as 0)"
                raise UserError(
                    f"{row.where}: column {name} is {found_what}; write 0 or 1, or set missing_labels:"
                    f" drop (leave the row out){others}"
                )
            cell = column(row, name)
            mark = _MARKS.get(label_name(cell))
            if mark is None:
                raise UserError(
                    f"{row.where}: column {name} holds {_short(cell)}; a column of label_columns holds 0 or 1, true or"
                    " false"
                )
            if mark:
                found.append(name)
        sets.append(sorted(found))
    return sets


_MARKS = {"0": False, "1": True, "false": False, "true": True}


def is_unmarked(row: Row, name: str) -> bool:
    """Whether a row does not say if it has the label of a column: no such key, an empty cell, or -1 (not labelled)."""
    return not has_column(row, name) or is_missing(column(row, name)) or _is_withheld(row, name)


def _is_withheld(row: Row, name: str) -> bool:
    return has_column(row, name) and label_name(column(row, name)) == "-1"


def folder_name(row: Row) -> str:
    """The name of the folder that holds the row's file, in an archive too; UserError where there is none."""
    name = "" if row.path is None else PurePosixPath(row.path).parent.name
    if not name:
        raise UserError(f"{row.where}: label_from: folder needs rows from files in a folder for each label")
    return name


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
