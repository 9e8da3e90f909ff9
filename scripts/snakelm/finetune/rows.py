"""Rows as their source has them → rows of a task: the same few columns for every source, checked row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from snakelm.core.console import log
from snakelm.core.errors import UserError, did_you_mean
from snakelm.readers.row import Row
from snakelm.readers.rows import column, has_column
from snakelm.tasks.config import TaskConfig
from snakelm.tasks.labels import is_missing

if TYPE_CHECKING:
    from pandas import DataFrame


class NoRowsLeft(UserError):
    """No row of a split can be used, though none of them is wrong."""


def task_rows(rows: Sequence[Row], task: TaskConfig, split: str, source: str = "", labelled: bool = True) -> DataFrame:
    """The rows of one split as the task's table; `source` is what messages call them.

    labelled: whether the rows say what is to be predicted; if not, nothing is looked for there.
    Its index is 0…n−1; it has `row`, the row's number in its source from 0, and the columns that the type makes.

    Raises UserError with file, line and column for the first row that cannot be used (NoRowsLeft where none is left);
    rows without a label or text are dropped and counted where the recipe says so. Rows outside min_chars…max_chars
    are left out.
    """
    import pandas

    if not rows:
        raise UserError(f"{split}: {source or 'the source'} has no rows")
    kept = _usable(rows, task, split, labelled)
    if not kept:
        raise NoRowsLeft(f"{split}: no row is left of {len(rows)} (missing labels, empty texts, min_chars, max_chars)")

    def where(position: int) -> str:
        return rows[kept[position]].where

    picked = [rows[number] for number in kept]
    columns = task.columns(picked, where) if labelled else task.input_columns(picked, where)
    frame = pandas.DataFrame({"row": kept, **{name: pandas.Series(cells) for name, cells in columns.items()}})
    group = task.group_column or ("document" if task.reads_paragraphs() else None)
    if group and split == "train":  # splits are made of no other
        cells = [column(row, group) for row in picked]
        if (empty := next((number for number, cell in enumerate(cells) if is_missing(cell)), None)) is not None:
            raise UserError(f"{where(empty)}: column {group} is empty, so its group is unknown; give it one")
        frame["group"] = [str(cell) for cell in cells]
    elif group and all(has_column(row, group) and not is_missing(column(row, group)) for row in picked):
        frame["group"] = [str(column(row, group)) for row in picked]  # rows drawn together, for intervals
    return frame


def _usable(rows: Sequence[Row], task: TaskConfig, split: str, labelled: bool) -> list[int]:
    """Numbers of the rows that have all they need."""
    texts, label = task.text_columns(), task.gold_column()
    if not labelled:
        texts = [name for name in texts if name != task.answer_column()]
        label = None
    kept, unlabelled, empty = [], 0, 0
    for source in task.label_sources() if labelled else ():
        if not any(has_column(row, source) for row in rows):
            known = dict.fromkeys(str(key) for row in rows for key in row)
            raise UserError(f"{rows[0].where}: no column {source!r}{did_you_mean(source, known)}")
    for number, row in enumerate(rows):
        missing = label is not None and not has_column(row, label) or labelled and task.lacks_label(row)
        if missing and task.missing_labels == "drop":
            unlabelled += 1
            continue
        if label is not None and _no_label(column(row, label), task):
            if task.missing_labels == "refuse":
                raise UserError(
                    f"{row.where}: column {label} is empty or NaN; give a label, or set missing_labels: drop"
                )
            unlabelled += 1
            continue
        cells = [column(row, name) for name in texts]
        if task.empty_texts != "keep" and (name := empty_text(row, texts)):
            if task.empty_texts == "refuse":
                raise UserError(f"{row.where}: column {name} is empty; give a text, or set empty_texts: drop (or keep)")
            empty += 1
            continue
        if texts and isinstance(cells[0], str):
            length = len(cells[0])
            if length < task.min_chars and task.empty_texts != "keep" or length > (task.max_chars or length):
                continue
        kept.append(number)
    if unlabelled or empty:
        log.warning(f"{split}: dropped {unlabelled} rows without a label and {empty} with an empty text of {len(rows)}")
    return kept


def empty_text(row: Row, texts: Sequence[str]) -> str | None:
    """The first of these columns that is empty in the row; None if none is. UserError for one that is not there."""
    return next((name for name in texts if _no_value(column(row, name))), None)


def _no_value(cell: Any) -> bool:
    return len(cell) == 0 if isinstance(cell, (list, tuple)) or hasattr(cell, "tolist") else is_missing(cell)


def _no_label(cell: Any, task: TaskConfig) -> bool:
    """Whether a label is missing; also where a CSV file has it as text, which as a number is found out later."""
    numeric = task.gold_is_number() and task.missing_labels == "refuse"
    return _no_value(cell) or not numeric and isinstance(cell, str) and cell.strip() in ("nan", "NaN")
