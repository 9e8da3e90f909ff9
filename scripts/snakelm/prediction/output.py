"""Where predictions go, and in which format."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from snakelm.core.errors import UserError
from snakelm.prediction import writers
from snakelm.readers.config import SourceConfig
from snakelm.readers.formats import SUFFIXES
from snakelm.readers.row import Row
from snakelm.tasks.config import TaskConfig

if TYPE_CHECKING:
    from snakelm.tasks.official import OfficialFormat

Cells = dict[str, Any]
"""A row's cells in the table of predictions."""
Predicted = Iterator[list[tuple[Row, Cells]]]
"""Batches of rows with what was predicted of them."""
OFFICIAL = "official"
READ_ALONE = {"arrow": "parquet", "warc": "jsonl"}
"""Formats that are read but not written → what is written instead."""


class Output:
    """A file of predictions, or standard output.

    Args:
        out: the file; None is standard output.
        form: the format of the input, which is that of the output unless the suffix of `out` says another.
        source: how the input is read; a csv is written with the same delimiter and quotes.
        official: the format of the field's scorers. It is chosen by its suffix, and where the input (plain text,
            SQuAD's JSON) has no place for predictions.
        task: the task.
        prefix: what the names of new columns begin with.

    Raises UserError where these predictions cannot be written so.
    """

    def __init__(
        self,
        out: Path | None,
        form: str,
        source: SourceConfig,
        official: OfficialFormat | None,
        task: TaskConfig,
        prefix: str = "",
    ):
        self.out, self.official, self.prefix = out, official, prefix
        self.separator = str(getattr(task, "label_separator", " "))
        suffix = "" if out is None else _suffix(out)
        self.form = SUFFIXES.get(suffix, "") if suffix else READ_ALONE.get(form, form)
        asked = official is not None and suffix == official.suffix and self.form != form
        if asked or self.form in ("squad", "txt"):
            self.form = "tsv" if official is None else OFFICIAL
        elif not self.form or self.form in READ_ALONE or self.form in ("conll", "conllu") and self.form != form:
            known = [".csv", ".tsv", ".jsonl", ".json", ".parquet", *([official.suffix] if official else [])]
            raise UserError(f"{out}: these predictions can be written as {', '.join(known)}, but not as {suffix}")
        if self.form == "parquet" and out is None:
            raise UserError("a parquet file does not go to standard output; name it with -o")
        self.source = source if self.form == form else SourceConfig(files=source.files)
        self.schema_from = source.files[0] if self.form == form == "parquet" and source.files else None

    def write(self, batches: Predicted, added: Callable[[], Sequence[str]]) -> None:
        """Write all that comes; the file appears once it is whole. added: the names of the predictions' columns, which
        are known when the first batch has come."""
        with self._opened() as stream:
            if self.form == "parquet":
                from pyarrow.parquet import read_schema

                schema = read_schema(self.schema_from) if self.schema_from else None
                writers.write_parquet(stream, self._named(batches, added), schema)
                return
            text = io.TextIOWrapper(stream, "utf-8", newline="")
            self._write_text(text, batches, added)
            text.detach()

    def _write_text(self, text: io.TextIOWrapper, batches: Predicted, added: Callable[[], Sequence[str]]) -> None:
        if self.form == OFFICIAL and self.official is not None:
            self.official.write(text, (answered for batch in batches for answered in batch))
        elif self.form in ("conll", "conllu"):
            writers.write_sentences(text, batches)
        elif self.form == "jsonl":
            writers.write_json_lines(text, self._named(batches, added))
        elif self.form == "json":
            writers.write_json_list(text, self._named(batches, added))
        else:
            writers.write_csv(text, self._named(batches, added), self.source, self.form, self.separator)

    def _named(self, batches: Predicted, added: Callable[[], Sequence[str]]) -> Iterator[list[writers.Answered]]:
        """The new columns of each row, under their names."""
        for batch in batches:
            names = {name: f"{self.prefix}{name}" for name in added()}
            for row, _ in batch:
                if taken := [name for name in names.values() if name in row]:
                    raise UserError(
                        f"{row.file}: has a column {taken[0]} already; --prefix gives the new columns other names, as"
                        " in --prefix b_"
                    )
            yield [(row, {name: cells[key] for key, name in names.items()}) for row, cells in batch]

    @contextlib.contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        """The file to write, which appears once it is whole; .gz is compressed."""
        if self.out is None:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        part = self.out.with_name(f".{self.out.name}.{os.getpid()}.part")
        try:
            with contextlib.ExitStack() as files:
                stream = cast(BinaryIO, files.enter_context(open(part, "wb")))
                if self.out.name.lower().endswith(".gz"):
                    stream = cast(BinaryIO, files.enter_context(gzip.GzipFile("", "wb", fileobj=stream, mtime=0)))
                yield stream
            part.replace(self.out)
        except OSError as error:
            raise UserError(f"{self.out}: cannot be written ({error.strerror or error})") from None
        finally:
            part.unlink(missing_ok=True)


def _suffix(path: Path) -> str:
    """The suffix that tells the format."""
    return os.path.splitext(path.name.lower().removesuffix(".gz"))[1] or path.name
