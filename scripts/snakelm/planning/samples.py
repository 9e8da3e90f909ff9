"""The beginning of a source, read with the readers of the jobs: enough to see what is wrong with it, in bounded time.

A source of at most ROWS rows and CHARACTERS characters is read whole. Of a larger one the first rows are read, of each
of its files at least FEWEST_ROWS; files beyond the first FILES are left to the job.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from snakelm.core.errors import UserError
from snakelm.planning.hub import trouble_on_hub
from snakelm.readers.archives import is_tar, is_zip
from snakelm.readers.config import SourceConfig
from snakelm.readers.download import cached_copy
from snakelm.readers.hub import hub_rows
from snakelm.readers.opening import SourceFile
from snakelm.readers.paths import source_paths
from snakelm.readers.row import Row
from snakelm.readers.rows import format_of, read_rows

ROWS = 5_000
CHARACTERS = 8 << 20
FILES = 1_000
FEWEST_ROWS = 20
HUB_ROWS = 100
WHOLE_FILE = 32 << 20
"""Bytes; a larger file of a format that can only be read whole (json, squad) is left to the job, and an archive, which
may hold such files."""


@dataclass
class Sample:
    """Rows of a source, and what came up while they were read."""

    rows: list[Row] = field(default_factory=list)
    whole: bool = True
    """Whether these are all rows of the source."""
    characters: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Why something could not be looked at."""

    def add(self, rows: Iterator[Row], most: int) -> None:
        """The first rows of a part of the source."""
        try:
            for row in islice(rows, most):
                self.rows.append(row)
                self.characters += sum(len(cell) for cell in row.values() if isinstance(cell, str))
                if self.characters > CHARACTERS:
                    break
            self.whole = self.whole and next(rows, None) is None
        except UserError as error:
            self.problems += error.lines
            self.whole = False


def joined(samples: Iterable[Sample]) -> Sample:
    """Those of several sources as one."""
    found = Sample()
    for one in samples:
        found.rows += one.rows
        found.whole = found.whole and one.whole
        found.characters += one.characters
        found.problems += one.problems
        found.notes += one.notes
    return found


def sample(source: SourceConfig, sources: Mapping[str, object]) -> Sample:
    """The beginning of a source; nothing of a URL (unless its `cache` exists), which the job downloads.

    sources: path → sha256 of its local files, as far as it is known.
    """
    if source.hub is not None:
        return _of_hub(source)
    if source.url is not None and cached_copy(source) is None:
        return Sample(whole=False)
    if not source.files:
        return _of_one(source)
    found = Sample()
    try:
        paths = source_paths(source)
        if source.sha256 and isinstance(known := sources.get(paths[0]), str):
            SourceFile(Path(paths[0]), paths[0], stated=source.sha256).check(known)
    except UserError as error:
        return Sample(whole=False, problems=list(error.lines))
    if source.format == "parallel" or source.sha256 and len(paths) > 1:
        return _of_one(source)
    for path in paths[:FILES]:
        _add_file(found, source, path, max(FEWEST_ROWS, ROWS // len(paths)))
    found.whole = found.whole and len(paths) <= FILES
    return found


def _of_one(source: SourceConfig) -> Sample:
    found = Sample()
    found.add(read_rows(source), ROWS)
    return found


def _add_file(found: Sample, source: SourceConfig, path: str, rows: int) -> None:
    one = source.model_copy(update={"files": [path], "sha256": None})  # the sum is that of the whole file
    try:
        file = SourceFile(Path(path), path)
        form = source.format or ("archive" if is_zip(file) or is_tar(file) else format_of(path, source))
        size = os.path.getsize(path)
    except (UserError, OSError) as error:
        found.problems += error.lines if isinstance(error, UserError) else [f"{path}: cannot be read"]
        found.whole = False
        return
    is_spent = found.characters > CHARACTERS
    if form in ("json", "squad", "archive") and (is_spent or size > WHOLE_FILE):
        found.whole = False
        return
    if form == "txt" and source.unit == "file" and (is_spent or size > CHARACTERS):
        one = one.model_copy(update={"unit": "line"})
        found.whole = False
    found.add(read_rows(one), FEWEST_ROWS if is_spent else rows)


def _of_hub(source: SourceConfig) -> Sample:
    assert source.hub is not None
    found = Sample(whole=False)
    if not os.path.exists(source.hub.name):
        trouble = trouble_on_hub("dataset", source.hub.name, source.hub.revision)
        if trouble is not None:
            (found.problems if trouble.is_certain else found.notes).append(trouble.line)
            return found
    try:
        found.rows = list(islice(hub_rows(source, streaming=True), HUB_ROWS))
    except UserError as error:
        # A config or split that does not exist is a ValueError of `datasets`; all else may be the network.
        is_certain = error.__cause__ is None or isinstance(error.__cause__, ValueError)
        (found.problems if is_certain else found.notes).extend(error.lines)
    except Exception as error:  # the network while rows are read
        found.notes.append(f"hub: {source.hub.name} cannot be read ({type(error).__name__})")
    return found
