"""Tables: csv, tsv, JSON lines, JSON and parquet, one dict per row, streamed (JSON, which cannot be, is read whole).

csv and tsv values are strings, as they stand in the file: a type guessed from the first rows would break on a
later one. Ragged rows and stray quotes are errors that name the line, never repaired by guessing.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Any

from snakelm.core.errors import UserError
from snakelm.readers.config import SourceConfig
from snakelm.readers.opening import SourceFile, check_whole, open_text
from snakelm.readers.row import Row

LONGEST_FIELD = (1 << 31) - 1  # the csv module's own limit, 128 KiB, is less than a book


def read_csv(file: SourceFile, config: SourceConfig, delimiter: str = ",") -> Iterator[Row]:
    """Rows of a csv or tsv file, columns named by its header, or by `column_names`."""
    csv.field_size_limit(LONGEST_FIELD)
    names = None if config.header else config.column_names
    if not config.header and names is None:
        raise UserError(f"{file.label}: header: false needs column_names")
    with open_text(file, config.encoding) as stream:
        reader = csv.reader(
            stream,
            delimiter=config.delimiter or delimiter,
            quotechar=config.quote or None,
            quoting=csv.QUOTE_MINIMAL if config.quote else csv.QUOTE_NONE,
            strict=True,
        )
        line = 1
        while True:
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                hint = "a quote is never closed" if "unexpected end" in str(error) else str(error)
                raise UserError(
                    f"{file.label} line {line}: {hint}; if quotes mean nothing in this file, set quote: ''"
                ) from None
            if not values:  # a blank line
                pass
            elif names is None:
                names = _header(file, config, values)
            elif len(values) != len(names):
                raise UserError(
                    f"{file.label} line {line}: {len(values)} columns, expected {len(names)} ({_shown(names)})"
                )
            else:
                yield Row(dict(zip(names, values, strict=True)), file.label, line)
            line = reader.line_num + 1


def _header(file: SourceFile, config: SourceConfig, values: list[str]) -> list[str]:
    if config.column_names:
        if len(config.column_names) != len(values):
            raise UserError(
                f"{file.label}: column_names has {len(config.column_names)} names, the file {len(values)} columns"
            )
        return config.column_names
    # pandas writes its index under an empty name
    names = [name.strip() or f"column {number}" for number, name in enumerate(values, 1)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{file.label} line 1: the header names {_shown(twice)} more than once; set column_names")
    return names


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
    """Rows of a parquet file, `batch_size` at a time; the file is hashed first, in a pass of its own."""
    import pyarrow
    import pyarrow.parquet

    check_whole(file)
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(file.path) as table:
            for batch in table.iter_batches(batch_size=batch_size):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(values, file.label, number, "row")
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        first_line = str(error).partition("\n")[0]
        raise UserError(f"{file.label}: not a parquet file that can be read ({first_line})") from None


def _shown(names: list[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")
