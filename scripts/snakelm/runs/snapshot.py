"""The code that a stage began with stays the code that it runs.

Modules are imported when they are needed, so that a baseline does not wait for torch; but an id speaks of the code as
it was when the job began. So all of it is read at once, and what is imported later comes from memory.
"""

from __future__ import annotations

import functools
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import Any

from snakelm.core.errors import UserError
from snakelm.runs.identity import SCRIPTS, CodeDigests


@functools.cache
def hold(stage: str, cache: Path | None = None) -> str:
    """Take the snapshot, once in a process; returns the digest of the stage's code. UserError if it changes meanwhile.

    What was imported before is judged by that digest too: the caller compares it with what was ordered.
    """
    before = CodeDigests(cache=cache).stage(stage)
    sys.meta_path.insert(0, _Snapshot(SCRIPTS))
    if CodeDigests(cache=cache).stage(stage) != before:
        raise UserError(f"the code of {stage} changed while this job started; start snakemake again")
    return before


class _Snapshot(MetaPathFinder):
    """Finds the modules of this package as they were when it was made."""

    def __init__(self, scripts: Path):
        self._scripts, self._package = scripts, Path(__file__).parent.name
        self._loaders: dict[Path, tuple[bytes, dict[str, Any]]] = {}
        for path in (scripts / self._package).rglob("*.py"):
            status = path.stat()
            self._loaders[path] = path.read_bytes(), {"mtime": status.st_mtime, "size": status.st_size}

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname.partition(".")[0] != self._package:
            return None
        base = self._scripts.joinpath(*fullname.split("."))
        for file, places in ((base / "__init__.py", [str(base)]), (base.with_suffix(".py"), None)):
            if file in self._loaders:
                loader = _FromMemory(fullname, str(file), *self._loaders[file])
                return spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=places)
        return None


class _FromMemory(SourceFileLoader):
    """A module's source as it was read; compiled files are used if they were made of just that."""

    def __init__(self, fullname: str, path: str, source: bytes, status: dict[str, Any]):
        super().__init__(fullname, path)
        self._source, self._status = source, status

    def path_stats(self, path: str) -> dict[str, Any]:  # type: ignore[override]
        return self._status

    def get_data(self, path: str) -> bytes:
        return self._source if path == self.path else super().get_data(path)
