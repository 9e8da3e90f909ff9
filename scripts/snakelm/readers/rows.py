"""Any source as a stream of rows: the one function that stages call."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from snakelm.core.console import log
from snakelm.core.errors import UserError, did_you_mean
from snakelm.readers.archives import Choice, contents, is_tar, unpacked
from snakelm.readers.config import SourceConfig
from snakelm.readers.formats import format_by_suffix
from snakelm.readers.opening import SourceFile, check_whole
from snakelm.readers.paths import expand, given_twice, source_paths
from snakelm.readers.plain import read_parallel, read_txt
from snakelm.readers.row import FILE, Row
from snakelm.readers.tables import read_arrow, read_csv, read_json, read_jsonl, read_parquet

SEEKING = ("parquet", "arrow")
"""Formats that are not read from front to back, so that an archive's member has to be copied to a file."""


def read_rows(
    source: SourceConfig, sources: Mapping[str, str] | None = None, work: Path | None = None
) -> Iterator[Row]:
    """Yield every row of the source in order: files sorted by path, rows as they stand.

    Columns are those of the source; txt files, JSON strings and callables of plain strings fill the column
    `source.text`; CoNLL yields the text, `words` and `tags`, parallel files `source` and `target`, SQuAD `id`, `title`,
    `context`, `question`, `answers` and `is_impossible`. One row is in memory at a time (a whole file where unit
    is file or the format is json or squad; a whole table where a callable returns one). The members of a zip or tar
    archive are read like files, those of zip sorted by path, those of tar as they stand.

    `sources` (a job's: path → sha256 that its id was made of): a local file that is no longer the same is a
    UserError, after its last row was yielded. `work`: the folder for a download, needed by a source with a URL.
    Raises UserError, one line with file and line, for whatever is wrong with the data.
    """
    if source.python:
        from snakelm.readers.callables import call_rows, callable_fingerprint

        files = _local_files(source, sources or {})
        if (code := callable_fingerprint(source.python).get("file")) and sources and code in sources:
            files.append(SourceFile(Path(code), code, sources[code]))
        for file in files:
            check_whole(file)
        yield from call_rows(source)
        for file in files:  # it may have changed while the callable read it
            check_whole(file)
    elif source.hub:
        from snakelm.readers.hub import hub_rows

        yield from hub_rows(source)
    elif source.url:
        from snakelm.readers.download import fetch_url

        yield from _read([fetch_url(source, work)], source, work)
    else:
        yield from _read(_local_files(source, sources or {}), source, work)


def read_file(file: SourceFile, source: SourceConfig) -> Iterator[Row]:
    """Yield every row of one file (or of standard input as /dev/stdin), read as `source` says, whatever that names."""
    yield from _read([file], source, None)


def column(row: Row, name: str) -> object:
    """The row's value in this column; a column that is not there is a UserError with the nearest known name.

    `translation.de` is the value under `de` in the column `translation`, where no column has the whole name; `file`
    is the path of the file that the row was read from, where no column has that name.
    """
    value = _find(row, name)
    if value is _ABSENT:
        raise UserError(f"{row.where}: no column {name!r}{did_you_mean(name, map(str, row))}")
    return value


def has_column(row: Row, name: str) -> bool:
    """Whether `column` finds something: a JSON object may lack a key that others have."""
    return _find(row, name) is not _ABSENT


_ABSENT = object()


def _find(row: Row, name: str) -> object:
    if name in row:
        return row[name]
    value: object = row
    for part in name.split("."):
        value = value[part] if isinstance(value, Mapping) and part in value else _ABSENT
    if value is _ABSENT and name == FILE and row.path is not None:
        return row.path
    return value


def format_of(name: str, source: SourceConfig) -> str:
    """The format that the source states, or else the one that the file's suffix tells (.gz and so on left out)."""
    found = source.format or format_by_suffix(name)
    if found is None:
        raise UserError(
            f"{name}: unknown format; set format: txt (or jsonl, csv, conll, …; parallel for two files line by line)"
        )
    return found


def _local_files(source: SourceConfig, planned: Mapping[str, str]) -> list[SourceFile]:
    if gone := sorted(path for path in planned if not os.path.exists(path)):
        raise UserError(*(f"{path}: has disappeared since this run was planned" for path in gone))
    paths = source_paths(source)
    if planned and (new := [path for path in paths if path not in planned]):
        raise UserError(*(f"{path}: is new since this run was planned; run Snakemake again" for path in new))
    if twice := given_twice(source):
        log.warning("%s: given more than once in files, read once", ", ".join(twice))
    if source.sha256 and len(paths) != 1:
        raise UserError(f"sha256 is for one file, but files names {len(paths)} ({paths[0]}, …)")
    if source.format == "parallel":  # here the order that the recipe gives means something
        paths = [path for pattern in source.files or () for path in expand(pattern)]
    return [SourceFile(Path(path), path, planned.get(path), source.sha256) for path in paths]


def _read(files: list[SourceFile], source: SourceConfig, work: Path | None) -> Iterator[Row]:
    choice = Choice(source.members, source.reads_whole_archives, work)
    if source.format == "parallel":
        for file in files:
            if is_tar(file):
                raise UserError(f"{file.label}: format: parallel reads no tar archive; unpack it and name its files")
        with contextlib.ExitStack() as opened:
            files = [part for file in files for part in opened.enter_context(contents(file, choice))]
            if len(files) != 2:
                raise UserError(f"format: parallel needs two files; files names {len(files)}")
            one, other = files
            yield from read_parallel(one, other, source)
        return
    for file in files:
        with contents(file, choice) as parts:
            for part in parts:
                yield from _read_file(part, source, work)


def _read_file(file: SourceFile, source: SourceConfig, work: Path | None) -> Iterator[Row]:
    form = format_of(file.label, source)
    if source.unit != "file" and form != "txt":
        raise UserError(f"{file.label}: unit: {source.unit} is for txt files, but this is {form}")
    with unpacked(file, work) if form in SEEKING else contextlib.nullcontext(file) as found:
        for row in _reader(form)(found, source):
            row.path = file.label
            yield row


def _reader(form: str) -> Callable[[SourceFile, SourceConfig], Iterator[Row]]:
    if form in ("conll", "conllu"):
        from snakelm.readers import conll

        return conll.read_conll if form == "conll" else conll.read_conllu
    if form == "squad":
        from snakelm.readers.squad import read_squad

        return read_squad
    if form == "warc":
        from snakelm.readers.warc import read_warc

        return read_warc
    if form == "tsv":
        return lambda file, source: read_csv(file, source, "\t")
    return {
        "txt": read_txt, "jsonl": read_jsonl, "json": read_json, "csv": read_csv,
        "parquet": read_parquet, "arrow": read_arrow,
    }[form]  # fmt: skip
