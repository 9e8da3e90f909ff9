"""Open a source's file as bytes or text, and make sure that it is the file that was meant.

The bytes are hashed on their way through, so that no file is read twice for its sum. gzip and bzip2 are known by
their first bytes, whatever the file is called.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from snakelm.core.errors import UserError

BUFFER = 1 << 20


@dataclass(frozen=True)
class SourceFile:
    """A local file to read: where it lies, what messages call it, and the sums that it must have."""

    path: Path
    label: str
    planned: str | None = None
    """sha256 that the run's id was made of."""
    stated: str | None = None
    """sha256 that the recipe states."""
    opener: Callable[[], Any] | None = None
    """Opens the bytes of what is no file of its own but stands in one: a member of an archive."""

    def check(self, sha256: str) -> None:
        """Raise UserError unless `sha256`, of the bytes just read, is what was planned and stated."""
        if self.stated is not None and sha256 != self.stated:
            raise UserError(f"{self.label}: sha256 is {sha256}, but the recipe states {self.stated}")
        if self.planned is not None and sha256 != self.planned:
            raise UserError(f"{self.label}: changed since this run was planned; run Snakemake again")


class _Hashing(io.RawIOBase):
    def __init__(self, file: io.RawIOBase):
        self.file = file
        self.sha256 = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self.file.readinto(buffer) or 0
        self.sha256.update(memoryview(buffer)[:count])
        return count


@contextmanager
def open_bytes(file: SourceFile) -> Iterator[BinaryIO]:
    """The file's bytes, decompressed; when the block ends without an error, the sums are checked."""
    try:
        with file.opener() if file.opener else open(file.path, "rb", buffering=0) as raw:
            hashing = _Hashing(raw)
            stream = io.BufferedReader(hashing, BUFFER)
            yield cast(BinaryIO, _decompressed(stream))
            while stream.read(BUFFER):
                pass
            file.check(hashing.sha256.hexdigest())
    except (gzip.BadGzipFile, zipfile.BadZipFile, EOFError, zlib.error) as error:
        kind = "member of an archive" if file.opener else "gzip or bzip2 file"
        raise UserError(f"{file.label}: damaged or truncated {kind} ({error})") from None
    except OSError as error:
        raise UserError(f"{file.label}: cannot be read ({error.strerror or error})") from None


def _decompressed(stream: io.BufferedReader[Any]) -> Any:
    start = stream.peek(10)[:10]
    if start[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=stream)
    if start[:3] == b"BZh" and start[4:10] == b"1AY&SY":  # a text may begin with BZh
        return bz2.BZ2File(stream)
    return stream


@contextmanager
def open_text(file: SourceFile, encoding: str = "utf-8", newline: str = "") -> Iterator[TextIO]:
    """The file's text with line ends as they are (`newline` as for `open`); a byte order mark is dropped.

    Bytes that are not text in this encoding are a UserError that names the line.
    """
    with open_bytes(file) as stream:
        try:
            text = io.TextIOWrapper(stream, _dropping_mark(encoding), errors="strict", newline=newline)
            yield text
            text.detach()
        except UnicodeError as error:
            raise UserError(_where_undecodable(file, encoding, error)) from None


def check_whole(file: SourceFile) -> None:
    """Hash the file and check its sums: for formats that are not read from front to back."""
    if file.planned is None and file.stated is None:
        return
    with open(file.path, "rb") as stream:
        file.check(hashlib.file_digest(stream, "sha256").hexdigest())


def _dropping_mark(encoding: str) -> str:
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding


def _where_undecodable(file: SourceFile, encoding: str, error: UnicodeError) -> str:
    """Read again, line by line, to name the first line that is not text in this encoding."""
    hint = "say which one it is with encoding, as in encoding: latin-1"
    with open_bytes(replace(file, planned=None, stated=None)) as stream:
        for number, line in enumerate(stream, 1):
            marked = number == 1 and line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            if marked and codecs.lookup(encoding).name != "utf-16":
                return f"{file.label}: not {encoding} but, by its first bytes, utf-16; set encoding: utf-16"
            if "\n".encode(encoding) != b"\n":  # lines cannot be told in bytes
                break
            try:
                line.decode(_dropping_mark(encoding))
            except UnicodeDecodeError as found:
                bad = found.object[found.start : found.end].hex(" ")
                return f"{file.label} line {number}: byte {bad} at {found.start + 1} is not {encoding}; {hint}"
            except UnicodeError:
                break
    return f"{file.label}: is not {encoding} ({error}); {hint}"
