"""Values on disk that cost time to make again and nothing else: what one job has made is read by the next, perhaps on
another node.

An entry is one file: a line with the sha256 of the rest, then the value. Its name has to say all that the value is made
of, so an entry is never out of date; losing one costs time only.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from snakelm.core.console import log

Value = TypeVar("Value")


def shared(
    path: Path | None,
    make: Callable[[], Value],
    dump: Callable[[Value], bytes],
    load: Callable[[bytes], Value],
) -> Value:
    """The value of this entry: read where it is there and whole, else made and written for others.

    Two jobs that want the same at the same time make it once. Where the file cannot be written (None, a read-only or
    full disk) the value is made and not kept. `load` raises ValueError, TypeError or AttributeError for what it cannot
    read.
    """
    if path is not None and (found := _read(path, load)) is not None:
        return found
    with _alone(path):
        if path is not None and (found := _read(path, load)) is not None:  # made while we waited
            return found
        made = make()
        if path is not None:
            _write(path, dump(made))
    return made


@contextlib.contextmanager
def _alone(path: Path | None) -> Iterator[None]:
    """Hold the entry's lock, if locks can be had here: without one the work is done twice, no harm."""
    with contextlib.ExitStack() as held:
        if path is not None:
            with contextlib.suppress(OSError, NotImplementedError):
                path.parent.mkdir(parents=True, exist_ok=True)
                held.enter_context(FileLock(path.with_suffix(".lock")))
        yield


def _read(path: Path, load: Callable[[bytes], Value]) -> Value | None:
    """The entry, or None where there is none or it is damaged."""
    try:
        stated, _, body = path.read_bytes().partition(b"\n")
        if hashlib.sha256(body).hexdigest().encode() != stated:
            return None
        found = load(body)
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # says to the garbage collection of results/ that it was used
    return found


def _write(path: Path, body: bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            file.write(hashlib.sha256(body).hexdigest().encode() + b"\n")
            file.write(body)
        os.replace(part, path)
    except OSError as error:
        log.info(f"not cached for other jobs: {path.parent}: {error.strerror}")
        with contextlib.suppress(OSError):
            part.unlink()
