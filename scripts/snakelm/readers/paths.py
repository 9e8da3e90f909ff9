"""Which local files a source names, without opening them: cheap enough for planning."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from snakelm.core.errors import UserError
from snakelm.readers.config import SourceConfig


def source_paths(source: SourceConfig) -> list[str]:
    """The local files that the source reads: sorted, each once, globs expanded, relative to the working directory.

    They are those of `files`, or those of `reads` that a callable is said to read (its own code is not among them).
    A source with a URL has none, also where its `cache` exists: the stated sha256 says what either must hold.
    Raises UserError for a missing file, a folder, anything but a plain file, and a glob without a match.
    """
    return sorted(set(expand_all([*(source.files or []), *(source.reads or [])])))


def given_twice(source: SourceConfig) -> list[str]:
    """Files that `files` names more than once (a path and a glob, or two globs), which counts as once.

    Two files line by line are read as they are given.
    """
    if source.format == "parallel":
        return []
    paths = expand_all(source.files or [])
    return sorted({path for path in paths if paths.count(path) > 1}) if len(set(paths)) < len(paths) else []


def expand_all(patterns: Sequence[str]) -> list[str]:
    """The files that paths and globs name, in their order; UserError with all that is wrong with them."""
    found: list[str] = []
    problems: list[str] = []
    for pattern in patterns:
        try:
            found += expand(pattern)
        except UserError as error:
            problems += error.lines
    if problems:
        raise UserError(*problems)
    return found


def expand(pattern: str) -> list[str]:
    """The plain files that one path or glob names; a name that exists as it stands is never taken for a glob."""
    pattern = os.path.normpath(os.path.expanduser(pattern))
    if os.path.lexists(pattern):
        path = Path(pattern)
        if path.is_dir():
            raise UserError(f"{pattern}: is a folder; name its files, as in {pattern}/*.txt")
        if not path.exists():
            raise UserError(f"{pattern}: is a broken link")
        if not path.is_file():
            raise UserError(f"{pattern}: is not a plain file")
        return [pattern]
    if (folder := _unreadable_above(pattern)) is not None:
        raise UserError(f"{pattern}: the folder {folder} cannot be read; fix its permissions")
    if not glob.has_magic(pattern):
        raise UserError(f"{pattern}: no such file (paths are relative to {_here()})")
    matches = [path for path in glob.glob(pattern, recursive=True) if os.path.isfile(path)]
    if not matches:
        raise UserError(f"{pattern}: matches no file (globs are relative to {_here()})")
    return sorted(matches)


def _unreadable_above(pattern: str) -> str | None:
    """The folder above a path or glob that exists and cannot be looked into."""
    folder = os.path.dirname(pattern)
    while glob.has_magic(folder) or (folder and not os.path.isdir(folder)):
        folder = os.path.dirname(folder)
    folder = folder or "."
    return None if os.access(folder, os.R_OK | os.X_OK) else folder


def _here() -> str:
    return f"the working directory, {os.getcwd()}"
