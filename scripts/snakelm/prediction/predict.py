"""A file of new rows → the same file with predictions. Rows are read, predicted and written a batch at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from snakelm.core.console import log
from snakelm.core.errors import UserError, did_you_mean
from snakelm.finetune.config import FinetuneConfig
from snakelm.planning.plan import PlannedRun
from snakelm.prediction.output import Cells, Output
from snakelm.readers.config import SourceConfig
from snakelm.readers.opening import SourceFile
from snakelm.readers.row import Row
from snakelm.readers.rows import format_of, read_file
from snakelm.tasks.config import TaskConfig

STANDARD_INPUT = "-"
ROWS = 1024
"""Rows in memory at a time: enough for batches of like length."""
DIALECT = ("encoding", "text", "unit", "header", "column_names", "delimiter", "quote", "multiline", "word_column")
"""Keys of the recipe's source that say how a file of its format is read."""


def predict_file(
    run: PlannedRun,
    path: str,
    out: Path | None = None,
    keys: Mapping[str, Any] | None = None,
    prefix: str = "",
    threads: int = 1,
) -> None:
    """Write the rows of `path` ('-': standard input) with the predictions of a finished run to `out`, or to standard
    output.

    The file needs the columns of the task's inputs; what others it has is kept. What is written is of the format of
    the input, unless the suffix of `out` says another: a table, or the format that the field's scorers read. keys: how
    the file is read, as in a source of a recipe. prefix: what the names of new columns begin with.
    Raises UserError for rows that cannot be used, and writes no file then.
    """
    config = cast(FinetuneConfig, run.typed())
    file, source = _source(path, config.task, dict(keys or {}))
    if out is not None and path != STANDARD_INPUT and out.exists() and os.path.exists(path) and out.samefile(path):
        raise UserError(f"{out}: is the input itself; name another file")
    rows = read_file(file, source)
    first = list(islice(rows, ROWS))
    if not first:
        raise UserError(f"{file.label}: has no rows")
    official = config.task.official_format(first[0])
    output = Output(out, format_of(file.label, source), source, official, config.task, prefix)
    from snakelm.finetune.predictor import Predictor

    predictor = Predictor(run.folder, config, threads)
    count = 0

    def answered() -> Iterator[list[tuple[Row, Cells]]]:
        nonlocal count
        for batch in chain([first], iter(lambda: list(islice(rows, ROWS)), [])):
            found = predictor(batch)
            for number, cells in enumerate(found):
                cells["row"] = count + number
            count += len(batch)
            yield list(zip(batch, found, strict=True))

    output.write(answered(), lambda: predictor.added)
    empty = f"; {predictor.empty:,} have an empty text and no prediction" if predictor.empty else ""
    log.info(f"predicted {count:,} rows{'' if out is None else f' → {out}'}{empty}")


def _source(path: str, task: TaskConfig, keys: dict[str, Any]) -> tuple[SourceFile, SourceConfig]:
    """The file, and how it is read: as the recipe reads files of its format, but for what `keys` say."""
    label = "standard input" if path == STANDARD_INPUT else path
    place = "/dev/stdin" if path == STANDARD_INPUT else os.path.expanduser(path)
    if path == STANDARD_INPUT and "format" not in keys:
        raise UserError("standard input: say what it is with --format, as in --format csv")
    of_recipe = next((source for source in (task.test, task.data, task.train) if source is not None), None)
    try:
        asked = SourceConfig.model_validate({"files": [place], **keys})
        form = format_of(label, asked)
        inherited: dict[str, Any] = {"text": (task.text_columns() or ["text"])[0]}
        if form == "txt":
            inherited["unit"] = "line"
        if of_recipe is not None and _format(of_recipe) == form:
            names = (*DIALECT, "tag_column") if form == "conllu" else DIALECT
            inherited |= {name: getattr(of_recipe, name) for name in names if name in of_recipe.model_fields_set}
        return SourceFile(Path(place), label), SourceConfig.model_validate({"files": [place], **inherited, **keys})
    except ValidationError as error:
        told = error.errors()[0]
        name = str(told["loc"][0]) if told["loc"] else ""
        near = did_you_mean(name, SourceConfig.model_fields) if told["type"] == "extra_forbidden" else ""
        raise UserError(f"--source {name}: {told['msg'].removeprefix('Value error, ')}{near}") from None


def _format(source: SourceConfig) -> str | None:
    """The format of the recipe's own files; None where it has none."""
    name = (source.files or [source.url or ""])[0]
    try:
        return format_of(name, source)
    except UserError:
        return None
