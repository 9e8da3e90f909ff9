"""What a run writes beside its model: predictions, curve, grid and a description of the task."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakelm.readers.row import Row
from snakelm.tasks.config import TaskConfig

if TYPE_CHECKING:
    from pandas import DataFrame

_ORDER = (
    "row",
    "group",
    "question",
    "context",
    "text",
    "text_pair",
    "words",
    "choices",
    "good",
    "bad",
    "phenomenon",
    "gold",
    "prediction",
    "score",
)
_LEFT_OUT = ("starts",)


def write_predictions(table: DataFrame, folder: Path, split: str = "test") -> None:
    """predictions.parquet and predictions.tsv (predictions-validation.… for another split), one row per input row.

    In the TSV lists are joined by spaces (words, tags) or |, scores have four digits, and line breaks and tabs
    inside texts are written as \\n and \\t.
    """
    name = _stem(split)
    table = table.drop(columns=[column for column in _LEFT_OUT if column in table])
    first = [column for column in _ORDER if column in table]
    columns = first + [str(column) for column in table.columns if column not in first]
    table = table[columns]
    table.to_parquet(folder / f"{name}.parquet", index=False)
    words = "words" in table
    rows = ([_cell(cell, " " if words else "|") for cell in cells] for cells in table.itertuples(index=False))
    write_tsv(folder / f"{name}.tsv", columns, rows)


def write_official(table: DataFrame, rows: Sequence[Row], task: TaskConfig, folder: Path, split: str = "test") -> None:
    """The same in the format of the field's scorers, where it has one: predictions.txt, .conll, .conllu or .json.

    rows: those of the split as their source has them; the column `row` of the table numbers them.
    """
    official = task.official_format(rows[int(table["row"].iloc[0])])
    if official is not None:
        with open(folder / f"{_stem(split)}{official.suffix}", "w", encoding="utf-8", newline="\n") as file:
            records: Any = table.to_dict("records")
            official.write(file, ((rows[int(cells["row"])], cells) for cells in records))


def _stem(split: str) -> str:
    """The name of a split's files, without what says their format."""
    return "predictions" if split == "test" else f"predictions-{split}"


def write_tsv(path: Path, columns: list[str], rows: Iterable[Iterable[Any]]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None)
        writer.writerow(columns)
        writer.writerows(rows)


def write_records(path: Path, records: list[dict[str, Any]]) -> None:
    """A list of dicts as a TSV with the union of their keys in order of appearance; missing values are empty."""
    columns = list(dict.fromkeys(name for record in records for name in record))
    write_tsv(path, columns, ([_cell(record.get(name), ",", 6) for name in columns] for record in records))


def _cell(value: Any, separator: str, digits: int = 4) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.{digits}g}" if abs(value) < 1 else f"{value:.{digits}f}".rstrip("0").rstrip(".")
    if isinstance(value, (list, tuple)) or hasattr(value, "tolist") and getattr(value, "ndim", False):
        return separator.join(_cell(part, ",", digits) for part in value)
    return str(value).replace("\r", "\\r").replace("\n", "\\n").replace("\t", "\\t")
