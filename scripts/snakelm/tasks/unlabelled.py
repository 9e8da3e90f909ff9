"""Whether a test has labels at all: of many benchmarks they are kept from whoever is to be tested."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from snakelm.core.errors import did_you_mean
from snakelm.readers.row import Row
from snakelm.readers.rows import column, has_column
from snakelm.tasks.cells import parts

if TYPE_CHECKING:
    from snakelm.tasks.config import TaskConfig


def why_unlabelled(test: Sequence[Row], train: Sequence[Row], task: TaskConfig) -> str | None:
    """Why no row of the test has a label, as in 'all cells of column label are -1'; None where one has, or where the
    task has no column of labels.

    - The column is in no test row but in training, and is not misspelt: no other new column has nearly its name.
    - Every cell is empty, and in training not every one is.
    - Every cell is -1, which is no label of the recipe, and no number in training is negative: where there are labels
      from 0 up, GLUE and others write -1 for a label that they keep.

    Where that holds for some rows only, they are rows without a label (`missing_labels`) or with an unknown one.
    """
    name = task.answer_column()
    if name is None or not test or not any(has_column(row, name) and task.has_answer(row) for row in train):
        return None
    if not any(has_column(row, name) for row in test):
        new = {str(key) for row in test for key in row} - {str(key) for row in train for key in row}
        return None if "did you mean" in did_you_mean(name, new) else f"no column {name}"
    if not all(has_column(row, name) for row in test):
        return None
    if not any(task.has_answer(row) for row in test):
        return f"all cells of column {name} are empty"
    if "-1" not in (task.given_labels() or ()) and all(_is_minus_one(column(row, name)) for row in test):
        cells = (column(row, name) for row in train if has_column(row, name))
        if not any(_is_negative(part) for cell in cells for part in parts(cell)):
            return f"all cells of column {name} are -1"
    return None


def _is_minus_one(cell: object) -> bool:
    found = list(parts(cell))
    return bool(found) and all(part in ("-1", "-1.0") for part in found)


def _is_negative(part: str) -> bool:
    try:
        return float(part) < 0
    except ValueError:
        return False
