"""Open a source's file as bytes or text, and make sure that it is the file that was meant.

The bytes are hashed on their way through, so that no file is read twice for its sum. gzip, bzip2, xz and zstd are known
by their first bytes, whatever the file is called. A file that unpacks to more than MOST_RATIO times its size is taken
for a decompression bomb once it has given MOST_BYTES; text is packed to a third or a twentieth of its size.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import hashlib
import io
import lzma
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from snakelm.core.errors import UserError

BUFFER = 1 << 20
MOST_RATIO, MOST_BYTES = 250, 1 << 28
BEGINNING = 4096
"""Bytes in which UTF-16 without a byte order mark is looked for."""


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
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self.file.readinto(buffer) or 0
        self.sha256.update(memoryview(buffer)[:count])
        self.count += count
        return count


class _Unpacked(io.RawIOBase):
    """Decompressed bytes, held against what they came from."""

    def __init__(self, stream: Any, packed: _Hashing, label: str):
        self.stream, self.packed, self.label = stream, packed, label
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.stream.read(len(buffer))
        buffer[: len(data)] = data
        self.count += len(data)
        check_ratio(self.label, self.count, self.packed.count)
        return len(data)


def check_ratio(label: str, unpacked: int, packed: int) -> None:
    """UserError where so many bytes have come out of so few that the file is a decompression bomb."""
    if unpacked > MOST_BYTES and unpacked > MOST_RATIO * packed:
        raise UserError(
            f"{label}: {packed:,} bytes unpack to more than {unpacked:,}, over {MOST_RATIO} times as many; if this is "
            "no decompression bomb, unpack it yourself"
        )


@contextmanager
def watched(file: SourceFile) -> Iterator[None]:
    """For files that are not read from front to back: hash before the block, look after it that nothing changed."""
    before = os.stat(file.path)
    check_whole(file)
    yield
    after = os.stat(file.path)
    if (before.st_size, before.st_mtime_ns, before.st_ino) != (after.st_size, after.st_mtime_ns, after.st_ino):
        raise UserError(f"{file.label}: changed while it was read; start again once it is at rest")


@contextmanager
def open_bytes(file: SourceFile) -> Iterator[BinaryIO]:
    """The file's bytes, decompressed; when the block ends without an error, the sums are checked."""
    try:
        with file.opener() if file.opener else open(file.path, "rb", buffering=0) as raw:
            hashing = _Hashing(raw)
            stream = io.BufferedReader(hashing, BUFFER)
            yield cast(BinaryIO, _decompressed(stream, hashing, file.label))
            while stream.read(BUFFER):
                pass
            file.check(hashing.sha256.hexdigest())
    except (gzip.BadGzipFile, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError) as error:
        raise UserError(f"{file.label}: damaged or truncated {_kind(file)} ({error})") from None
    except OSError as error:
        if error.errno is None and (file.opener or _packing(file.path)):  # bz2's and Arrow's own
            message = str(error).partition("\n")[0]
            raise UserError(f"{file.label}: damaged or truncated {_kind(file)} ({message})") from None
        raise UserError(f"{file.label}: cannot be read ({error.strerror or error})") from None


def _decompressed(stream: io.BufferedReader[Any], hashing: _Hashing, label: str) -> Any:
    packing = packing_of(stream.peek(10)[:10])
    if packing is None:
        return stream
    if packing == "zstd":
        import pyarrow  # it has zstd, which Python 3.11 has not

        unpacked: Any = pyarrow.CompressedInputStream(pyarrow.PythonFile(stream, "r"), "zstd")
    else:
        unpacked = {"gzip": gzip.GzipFile, "bzip2": bz2.BZ2File, "xz": lzma.LZMAFile}[packing](
            **{"fileobj" if packing == "gzip" else "filename": stream}
        )
    return io.BufferedReader(_Unpacked(unpacked, hashing, label), BUFFER)


def packing_of(start: bytes) -> str | None:
    """gzip, bzip2, xz or zstd, by a file's first 10 bytes; None for anything else."""
    if start[:2] == b"\x1f\x8b":
        return "gzip"
    if start[:3] == b"BZh" and start[4:10] == b"1AY&SY":  # a text may begin with BZh
        return "bzip2"
    if start[:6] == b"\xfd7zXZ\x00":
        return "xz"
    return "zstd" if start[:4] == b"\x28\xb5\x2f\xfd" else None


def _kind(file: SourceFile) -> str:
    return "member of an archive" if file.opener else f"{_packing(file.path)} file"


def _packing(path: Path) -> str | None:
    try:
        with open(path, "rb") as file:
            return packing_of(file.read(10))
    except OSError:
        return None


@contextmanager
def open_text(file: SourceFile, encoding: str = "utf-8", newline: str = "") -> Iterator[TextIO]:
    """The file's text with line ends as they are (`newline` as for `open`); a byte order mark is dropped.

    Bytes that are not text in this encoding are a UserError that names the line.
    """
    with open_bytes(file) as stream:
        try:
            _refuse_unmarked_utf16(stream, encoding, file.label)
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


def _refuse_unmarked_utf16(stream: BinaryIO, encoding: str, label: str) -> None:
    """UTF-16 without a mark is valid UTF-8 or Latin-1 with a NUL beside each letter: it would be read as such."""
    if codecs.lookup(encoding).name.startswith(("utf-16", "utf-32")):
        return
    start = cast(io.BufferedReader, stream).peek(BEGINNING)[:BEGINNING]
    if len(start) < 8 or b"\x00" not in start:
        return
    for name, zeros, letters in (("utf-16-le", start[1::2], start[::2]), ("utf-16-be", start[::2], start[1::2])):
        if zeros.count(0) > 0.4 * len(zeros) and letters.count(0) < 0.1 * len(letters):
            raise UserError(f"{label}: not {encoding} but, by its first bytes, {name}; set encoding: {name}")


def _where_undecodable(file: SourceFile, encoding: str, error: UnicodeError) -> str:
    """Read again, line by line, to name the first line that is not text in this encoding."""
    hint = "say which one it is with encoding, as in encoding: latin-1"
    offset = 0
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
                place = f"at {found.start + 1} (offset {offset + found.start:,} of the file)"
                return f"{file.label} line {number}: byte {bad} {place} is not {encoding}; {hint}"
            except UnicodeError:
                break
            offset += len(line)
    return f"{file.label}: is not {encoding} ({error}); {hint}"
