"""A task's data as learners and baselines get them."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from snakelm.readers.row import Row

if TYPE_CHECKING:
    from pandas import DataFrame

Where = Callable[[int], str]
"""Number of a row in its source (from 0) → how to name it to the user."""


@dataclass(frozen=True)
class TaskData:
    """The rows of a task; `splits` has train and test, and validation unless there is none. What is scored without
    training has a test alone."""

    splits: dict[str, DataFrame]
    labels: list[str] | None
    """Label names in the order of their ids; None for tasks without labels."""
    duplicates: dict[str, int]
    """Split → how many of its rows have an input that also stands in training."""
    where: dict[str, Where] = field(default_factory=dict)
    """Split → from the number in the column `row` to how messages call that row."""
    rows: dict[str, Sequence[Row]] = field(default_factory=dict)
    """Split → the rows as their source has them, which the column `row` numbers."""
    unlabelled: frozenset[str] = frozenset()
    """Splits whose rows have no labels, and no column `gold`: the test, if any."""

    @functools.cached_property
    def content(self) -> str:
        """A hash of the rows themselves, whatever source they came from."""
        hasher = hashlib.sha256()
        for split, frame in self.splits.items():
            for name in frame.columns.drop("row"):
                hasher.update(f"\n{split} {name} {len(frame)}\n".encode())
                for cell in frame[name]:
                    hasher.update(json.dumps(cell).encode() + b"\n")
        return hasher.hexdigest()
