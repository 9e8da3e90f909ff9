"""Fingerprints of what a config reads from outside the recipe: local files, folders of models, Python callables."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, TypeVar

from snakelm.core.config import Config
from snakelm.core.errors import UserError
from snakelm.core.outside import folder_of
from snakelm.readers.callables import callable_fingerprint
from snakelm.readers.paths import expand_all
from snakelm.runs.code import CodeDigests
from snakelm.runs.digests import FileDigests

WORDS = frozenset({"scratch", "entry", "pretrained", "random"})
"""What `init` may say that is no name of a folder, though one may well be called so."""
UNREAD = (
    ("README*", "LICENSE*", "*.md", "manifest.json")
    + ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle", "*.npz", "*.h5", "*.msgpack", "*.onnx")
    + ("*.py", "*.pyc", "*.sh", "*.part", "*.lock")
)
"""Files beside a model that nothing here reads: what people wrote of it, pickles and other frameworks' weights,
programs. Hidden ones (.git, .DS_Store) are not read either."""

FoundT = TypeVar("FoundT")


def fingerprint(config: Config, files: FileDigests, code: CodeDigests) -> dict[str, Any]:
    """name → fingerprint of the local files and callables that a config names, at any depth."""
    found = Fingerprints(files, code)
    config.identity(found)
    return found.sources


class Fingerprints:
    """What stands behind the names in configs (`core.config.Contents`), each looked at once.

    `sources` keeps what was asked for, by name: a job holds it against what it finds, a manifest shows it.
    """

    def __init__(self, files: FileDigests, code: CodeDigests):
        self._files, self._code = files, code
        self._known: dict[Any, Any] = {}
        self.sources: dict[str, Any] = {}

    def anew(self) -> Fingerprints:
        """The same knowledge, with `sources` empty."""
        found = Fingerprints(self._files, self._code)
        found._known = self._known
        return found

    def files(self, patterns: Sequence[str], in_order: bool = False) -> list[tuple[str, str]]:
        paths = self._once(("paths", *patterns), lambda: expand_all(patterns))
        found = [(path, self._file(path)) for path in (paths if in_order else sorted(set(paths)))]
        self.sources.update(found)
        return found

    def folder(self, name: str) -> dict[str, str] | None:
        found: dict[str, str] | None = self._once(("folder", name), lambda: self._folder(name))
        if found is not None:
            self.sources.update({f"{_place(name)}/{path}": sha256 for path, sha256 in found.items()})
        return found

    def code(self, place: str) -> Any:
        found = self._once(("code", place), lambda: self._callable(place))
        self.sources[place] = found
        return found

    def _once(self, key: Any, find: Callable[[], FoundT]) -> FoundT:
        if key not in self._known:
            self._known[key] = find()
        found: FoundT = self._known[key]
        return found

    def _file(self, path: str) -> str:
        try:
            return self._once(("file", path), lambda: self._files(path))
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror}); fix the path or its permissions") from None

    def _folder(self, name: str) -> dict[str, str] | None:
        folder = None if name in WORDS else folder_of(name)
        if folder is None or not folder.is_dir():
            return None
        try:
            return {path.relative_to(folder).as_posix(): self._files(path) for path in sorted(_files_below(folder))}
        except OSError as error:
            place = error.filename or folder
            raise UserError(f"{place}: cannot be read ({error.strerror}); fix its permissions") from None

    def _callable(self, place: str) -> Any:
        described = callable_fingerprint(place)
        if file := described.get("file"):
            module, _, name = place.partition(":")
            return {"callable": place, "code": self._code.callable(module, Path(file), name)}
        return described


class Recorded:
    """What stood behind the names in the config of a run that was made before identities held it: as its manifest's
    `sources` tell (`core.config.Contents`)."""

    def __init__(self, sources: Mapping[str, Any]):
        self._sources = sources

    def files(self, patterns: Sequence[str], in_order: bool = False) -> list[tuple[str, str]]:
        paths: list[str] = []
        for pattern in map(os.path.normpath, map(os.path.expanduser, patterns)):
            paths += (
                [pattern]
                if pattern in self._sources
                else sorted(path for path in self._sources if fnmatch(path, pattern))
            )
        return [(path, self._sources[path]) for path in (paths if in_order else sorted(set(paths)))]

    def folder(self, name: str) -> dict[str, str] | None:
        start = f"{_place(name)}/"
        found = {path.removeprefix(start): value for path, value in self._sources.items() if path.startswith(start)}
        return {path: value for path, value in found.items() if _is_read(path)} or None

    def code(self, place: str) -> Any:
        return self._sources.get(place)


def _place(name: str) -> str:
    return Path(name).expanduser().as_posix()


def _is_read(path: str) -> bool:
    """Whether anything here may read a file of a model's folder, given its path within the folder."""
    parts = path.split("/")
    return not (any(part.startswith(".") for part in parts) or any(fnmatch(parts[-1], name) for name in UNREAD))


def _files_below(folder: Path) -> Iterator[Path]:
    """The files of a model's folder that may be read, those behind links too; a folder that links lead back to is
    entered once."""
    seen = set[str]()

    def fail(error: OSError) -> None:
        raise error

    for place, inner, names in os.walk(folder, followlinks=True, onerror=fail):
        real = os.path.realpath(place)
        if real in seen:
            inner.clear()
            continue
        seen.add(real)
        inner.sort()
        for name in names:
            path = Path(place, name)
            if path.is_file() and _is_read(path.relative_to(folder).as_posix()):
                yield path
