"""Tables: csv, tsv, JSON lines, JSON, parquet and Arrow, one dict per row, streamed (JSON is read whole).

csv and tsv values are strings, as they stand in the file: a type guessed from the first rows would break on a
later one. Ragged rows and stray quotes are errors that name the line, never repaired by guessing.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from snakelm.core.console import log
from snakelm.core.errors import UserError
from snakelm.readers.classes import namer, stored_features
from snakelm.readers.config import SourceConfig
from snakelm.readers.opening import SourceFile, open_text, watched
from snakelm.readers.row import Row

LONGEST_NAME = 100
"""Characters; a longer cell in a first row is taken for data."""
LONGEST_FIELD = (1 << 31) - 1  # the csv module's own limit, 128 KiB, is less than a book


def read_csv(file: SourceFile, config: SourceConfig, delimiter: str = ",") -> Iterator[Row]:
    """Rows of a csv or tsv file, columns named by its header, or by `column_names`.

    Where tabs separate columns, quotes are characters like others and a line is a row, unless `quote` and `multiline`
    say otherwise: two stray quotes would make one row of all that stands between them. A first row whose meaning
    nobody has stated is refused where it may be data (`_names`).
    """
    csv.field_size_limit(LONGEST_FIELD)
    delimiter, quote, multiline = config.dialect(delimiter)
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
    names: list[str] | None = None
    wrapped, first_wrapped = 0, 0
    with open_text(file, config.encoding) as stream:
        reader = csv.reader(stream, delimiter=delimiter, quotechar=quote or None, quoting=quoting, strict=True)
        line = 1
        while True:
            try:
                values = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                hint = "a quote is never closed" if "unexpected end" in str(error) else str(error)
                raise UserError(
                    f"{file.label} line {line}: {hint}; if quotes mean nothing in this file, set quote: ''"
                ) from None
            if not multiline and reader.line_num > line:
                raise UserError(
                    f"{file.label} line {line}: a quoted field goes on to line {reader.line_num}; if quotes mean "
                    "nothing in this file, set quote: ''; if fields do hold line breaks, set multiline: true"
                )
            if not values:  # an empty line
                line = reader.line_num + 1
                continue
            is_header = names is None and config.header is not False
            if names is None:
                names = _names(file, config, values)
            if len(values) != len(names):
                unquoted = not quote and any('"' in value for value in values)
                hint = "; if quotes protect tabs or line breaks here, set quote: '\"'" if unquoted else ""
                raise UserError(
                    f"{file.label} line {line}: {len(values)} columns, expected {len(names)} ({_shown(names)}){hint}"
                )
            if not is_header:
                if not quote and config.quote is None and any(_is_wrapped(value) for value in values):
                    wrapped += 1
                    first_wrapped = first_wrapped or line
                yield Row(dict(zip(names, values, strict=True)), file.label, line)
            line = reader.line_num + 1
    if wrapped:
        log.warning(
            "%s: %s rows have fields in quotes (first: line %d), kept as they stand; set quote: '\"' if the quotes do "
            "not belong to the text, or quote: '' if they do",
            file.label,
            f"{wrapped:,}",
            first_wrapped,
        )


def _is_wrapped(value: str) -> bool:
    return len(value) > 1 and value[0] == value[-1] == '"'


def _names(file: SourceFile, config: SourceConfig, values: list[str]) -> list[str]:
    """Names of the columns, given the file's first row."""
    if config.header is False:
        if not config.column_names:
            raise UserError(f"{file.label}: header: false needs column_names")
        return config.column_names
    shown = _shown([value if len(value) <= 40 else value[:39] + "…" for value in values])
    if config.column_names:
        if config.header is None and values != config.column_names:
            raise UserError(
                f"{file.label}: column_names is given; set header: false if the first row ({shown}) is data, or "
                "header: true if column_names replaces the names in it"
            )
        if len(config.column_names) != len(values):
            raise UserError(
                f"{file.label}: column_names has {len(config.column_names)} names, the file {len(values)} columns"
            )
        return config.column_names
    if config.header is None and any(_looks_like_data(value) for value in values):
        raise UserError(
            f"{file.label}: the first row ({shown}) looks like data, not names; set header: false and column_names "
            "if it is data, or header: true if it names the columns"
        )
    # pandas writes its index under an empty name
    names = [name.strip() or f"column {number}" for number, name in enumerate(values, 1)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(
            f"{file.label} line 1: the header names {_shown(twice)} more than once; set column_names, "
            "with header: true, or header: false if this row is data"
        )
    return names


def _looks_like_data(cell: str) -> bool:
    """Whether a cell of a first row is a number or longer than any name of a column."""
    if len(cell) > LONGEST_NAME:
        return True
    try:
        float(cell)
    except ValueError:
        return False
    return True


def read_jsonl(file: SourceFile, config: SourceConfig) -> Iterator[Row]:
    """Rows of a file with one JSON object per line; a JSON string is a row with the text column alone."""
    with open_text(file, config.encoding, "\n") as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                where = f"{file.label} line {number}"
                yield Row(_as_row(parse_json(line, where), config, where), file.label, number)


def read_json(file: SourceFile, config: SourceConfig) -> Iterator[Row]:
    """Rows of a file that is one JSON list of objects or strings."""
    rows = load_json(file, config)
    if not isinstance(rows, list):
        raise UserError(f"{file.label}: is not a list of rows; one object per line is format: jsonl, SQuAD's is squad")
    for number, value in enumerate(rows, 1):
        yield Row(_as_row(value, config, f"{file.label} row {number}"), file.label, number, "row")


def load_json(file: SourceFile, config: SourceConfig) -> Any:
    with open_text(file, config.encoding) as stream:
        return parse_json(stream.read(), file.label)


def parse_json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}" if error.lineno > 1 else f"column {error.colno}"
        raise UserError(f"{where}: malformed JSON at {place} ({error.msg})") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: JSON that cannot be read ({error})") from None


def _as_row(value: Any, config: SourceConfig, where: str) -> dict[str, Any]:
    if isinstance(value, str):
        return {config.text: value}
    if not isinstance(value, dict):
        raise UserError(f"{where}: a row must be a JSON object or string, not {type(value).__name__}")
    return value


def read_parquet(file: SourceFile, config: SourceConfig, batch_size: int = 256) -> Iterator[Row]:
    """Rows of a parquet file, `batch_size` at a time; the file is hashed first, in a pass of its own.

    Classes have the names that `datasets` stores with the table.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        with watched(file), pyarrow.parquet.ParquetFile(file.path) as table:
            yield from _of_batches(table.iter_batches(batch_size=batch_size), table.schema_arrow, file)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        first_line = str(error).partition("\n")[0]
        raise UserError(f"{file.label}: not a parquet file that can be read ({first_line})") from None


def read_arrow(file: SourceFile, config: SourceConfig) -> Iterator[Row]:
    """Rows of an Arrow file: IPC's file format (also called Feather) or its stream format (that of `datasets`)."""
    import pyarrow
    import pyarrow.ipc

    try:
        with watched(file), pyarrow.memory_map(str(file.path)) as mapped:
            is_file = mapped.read(6) == b"ARROW1"
            mapped.seek(0)
            reader = pyarrow.ipc.open_file(mapped) if is_file else pyarrow.ipc.open_stream(mapped)
            batches = (reader.get_batch(at) for at in range(reader.num_record_batches)) if is_file else iter(reader)
            yield from _of_batches((part for batch in batches for part in _sliced(batch)), reader.schema, file)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        first_line = str(error).partition("\n")[0]
        raise UserError(f"{file.label}: not an Arrow file that can be read ({first_line})") from None


def _sliced(batch: Any, rows: int = 256) -> Iterator[Any]:
    return (batch.slice(begin, rows) for begin in range(0, batch.num_rows, rows))


def _of_batches(batches: Iterable[Any], schema: Any, file: SourceFile) -> Iterator[Row]:
    """Rows of Arrow's batches; classes have the names that `datasets` stores in the schema."""
    name_classes = namer(stored_features(schema.metadata))
    number = 0
    for batch in batches:
        for values in batch.to_pylist():
            number += 1
            yield Row(name_classes(values), file.label, number, "row")


def _shown(names: list[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")
