"""Digests of values and files, and a small cache for them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def digest(value: Any) -> str:
    """The sha256 of a JSON value, independent of key order."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class FileDigests:
    """sha256 of local files, remembered by path, size and time stamps so that a plan does not read terabytes.

    A file touched within the last two seconds is never remembered: an edit in the same tick would go unseen.
    """

    def __init__(self, cache: Path | None = None):
        self._cache = JsonCache(cache)

    def __call__(self, path: str | Path) -> str:
        status = os.stat(path)
        key = f"{os.path.abspath(path)}:{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}:{status.st_ino}"
        known = self._cache.get(key)
        if known is None:
            known = file_sha256(path)
            if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > 2_000_000_000:
                self._cache.put(key, known)
        return str(known)

    def save(self) -> None:
        self._cache.save()


def file_sha256(path: str | Path, read: Callable[[int], None] | None = None) -> str:
    """The sha256 of a file; `read` is told of the bytes as they are read, for progress."""
    with open(path, "rb") as file:
        if read is None:
            return hashlib.file_digest(file, "sha256").hexdigest()
        found = hashlib.sha256()
        while block := file.read(8 << 20):
            found.update(block)
            read(len(block))
        return found.hexdigest()


class JsonCache:
    """A dictionary in a JSON file. Losing it costs time only, so unreadable or unwritable files are no error."""

    def __init__(self, path: Path | None):
        self.path, self._changed = path, False
        self._items: dict[str, Any] = {}
        if path is not None:
            try:
                loaded = json.loads(path.read_text(encoding="utf-8"))
                self._items = loaded if isinstance(loaded, dict) else {}
            except (OSError, ValueError):
                pass

    def get(self, key: str) -> Any:
        return self._items.get(key)

    def put(self, key: str, value: Any) -> None:
        self._items[key] = value
        self._changed = True

    def save(self) -> None:
        if self.path is None or not self._changed:
            return
        part = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(self._items), encoding="utf-8")
            part.replace(self.path)
        except OSError:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
