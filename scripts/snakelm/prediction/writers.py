"""Files of rows with further columns, written one batch of rows after another in the format of the input."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, TextIO

from snakelm.core.errors import UserError
from snakelm.readers.config import SourceConfig
from snakelm.readers.row import Row

Answered = tuple[Row, dict[str, Any]]
"""A row and the columns that predictions add to it."""
Batches = Iterable[list[Answered]]


def write_csv(file: TextIO, batches: Batches, source: SourceConfig, form: str, separator: str = " ") -> None:
    """csv or tsv with the delimiter, quotes and header of the source; lists are joined by `separator`, nested values
    are JSON. Where nothing is quoted, tabs and line breaks of a prediction are written as \\t and \\n."""
    tabs = source.delimiter == "\t" or source.delimiter is None and form == "tsv"
    quote = source.quote if source.quote is not None else "" if tabs else '"'
    writer: Any = csv.writer(
        file,
        delimiter=source.delimiter or ("\t" if tabs else ","),
        quotechar=quote or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        lineterminator="\n",
    )
    columns: list[str] | None = None
    for batch in _same_columns(batches):
        for row, added in batch:
            if columns is None:
                columns = list(map(str, row))
                if source.header is not False:
                    writer.writerow([*columns, *added])
            cells = [row.get(name) for name in columns] + list(added.values())
            texts = (_as_text(cell, separator) for cell in cells)
            try:
                writer.writerow(texts if quote else [_unbroken(text) for text in texts])
            except csv.Error as error:
                raise UserError(f"{row.where}: cannot be written without quotes ({error}); choose -o …jsonl") from None


def _as_text(cell: Any, separator: str) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.6g}"
    if isinstance(cell, (list, tuple)) and all(isinstance(part, (str, int, float)) for part in cell):
        return separator.join(_as_text(part, separator) for part in cell)
    return cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False, default=str)


def _unbroken(text: str) -> str:
    return text.replace("\r", "\\r").replace("\n", "\\n").replace("\t", "\\t")


def write_json_lines(file: TextIO, batches: Batches) -> None:
    """One object per row."""
    for row, added in _each(batches):
        file.write(_json({**row, **added}) + "\n")


def write_json_list(file: TextIO, batches: Batches) -> None:
    """One list of objects."""
    file.write("[")
    for number, (row, added) in enumerate(_each(batches)):
        file.write((",\n" if number else "\n") + _json({**row, **added}))
    file.write("\n]\n")


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def write_sentences(file: TextIO, batches: Batches) -> None:
    """The sentences of a CoNLL file as they stand in it, with the predicted tags."""
    for row, added in _each(batches):
        if row.sentence is not None:
            file.writelines(f"{line}\n" for line in row.sentence.with_tags(added["prediction"]))
            file.write("\n")


def write_parquet(file: BinaryIO, batches: Batches, schema: Any = None) -> None:
    """A row group per batch. The columns of the input have the types of its `schema` (pyarrow's), all others those of
    the first batch."""
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    writer: Any = None
    for batch in _same_columns(batches):
        records = [{**row, **added} for row, added in batch]
        try:
            if writer is None:
                schema = _schema(pyarrow.Table.from_pylist(records).schema, schema)
                writer = ParquetWriter(file, schema)
            writer.write_table(pyarrow.Table.from_pylist(records, schema=schema))
        except pyarrow.ArrowException as error:
            place = batch[0][0].where
            raise UserError(f"{place} and after: does not fit into one parquet table ({error}); write jsonl") from None
    if writer is not None:
        writer.close()


def _schema(found: Any, known: Any) -> Any:
    import pyarrow

    fields = []
    for field in found:
        if known is not None and field.name in known.names:
            fields.append(known.field(field.name))
        else:  # a column without any value may still get one: most are text
            is_empty = pyarrow.types.is_null(field.type)
            fields.append(field.with_type(pyarrow.string()) if is_empty else field)
    return pyarrow.schema(fields)


def _same_columns(batches: Batches) -> Iterator[list[Answered]]:
    """The batches as they are; UserError for a row with a column that the first one lacks, which a table would lose."""
    columns: set[str] | None = None
    for batch in batches:
        for row, _ in batch:
            columns = set(row) if columns is None else columns
            if more := sorted(map(str, row.keys() - columns)):
                raise UserError(
                    f"{row.where}: has a column {more[0]}, which the first row lacks; write jsonl (-o …jsonl)"
                )
        yield batch


def _each(batches: Batches) -> Iterator[Answered]:
    for batch in batches:
        yield from batch
