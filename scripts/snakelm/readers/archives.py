"""The files in a zip archive, each to be opened like a file of its own. Nothing is ever unpacked to the disk.

What an archive says of itself is not trusted: members whose names point outside it, links and encrypted ones are
refused, and one that would grow too much is refused before anything is read. (Of a deflated member zipfile unpacks no
more than its stated size and what was asked for, so the sum of the stated sizes bounds work and memory; of bzip2 and
LZMA it unpacks whatever comes, so these are refused. Archives in archives are not opened.)
"""

from __future__ import annotations

import functools
import stat
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from snakelm.core.errors import UserError
from snakelm.readers.opening import SourceFile, check_whole

MOST_GROWTH = 100
"""Times that the chosen members may be larger than the archive: text grows 3 to 20 times, deflate's limit is 1032."""
ALWAYS_ALLOWED = 100_000_000
"""Bytes that members may have in any case, however small the archive is."""


@contextmanager
def contents(file: SourceFile, members: Sequence[str] | None = None) -> Iterator[list[SourceFile]]:
    """The file itself, or, where it is a zip archive (known by its first bytes), the files in it, sorted by path.

    `members` are globs, matched from the end of a path, as `PurePath.match` does; without them the archive has to hold
    one file. Folders, hidden files and what macOS adds (`__MACOSX`) do not count. The archive stays open within the
    block. Raises UserError, one line, for whatever cannot or must not be read; the archive's sums are checked here.
    """
    if not _is_zip(file.path):
        if members:
            raise UserError(f"{file.label}: members is for zip archives, which this is not")
        yield [file]
        return
    check_whole(file)
    try:
        archive = zipfile.ZipFile(file.path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise UserError(f"{file.label}: damaged or truncated zip archive ({error})") from None
    with archive:
        chosen = _chosen(archive, file.label, members)
        _check(chosen, file)
        yield [
            SourceFile(file.path, f"{file.label}/{info.filename}", opener=functools.partial(archive.open, info))
            for info in chosen
        ]


def _is_zip(path: Path) -> bool:
    try:
        with open(path, "rb") as stream:
            return stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
    except OSError:
        return False  # whoever reads it says why it cannot be


def _chosen(archive: zipfile.ZipFile, label: str, members: Sequence[str] | None) -> list[zipfile.ZipInfo]:
    found = [info for info in archive.infolist() if not info.is_dir() and not _is_hidden(info.filename)]
    found.sort(key=lambda info: info.filename)
    if not found:
        raise UserError(f"{label}: holds no file")
    shown = ", ".join(info.filename for info in found[:2]) + (", …" if found[2:] else "")
    if members is None:
        if len(found) > 1:
            raise UserError(
                f"{label}: holds {len(found):,} files ({shown}); say by members which are meant, as in members: '*.txt'"
            )
        return found
    chosen = [info for info in found if any(PurePosixPath(info.filename).match(glob) for glob in members)]
    if not chosen:
        raise UserError(f"{label}: no file matches members: {', '.join(members)}; it holds {shown}")
    return chosen


def _is_hidden(name: str) -> bool:
    return any(part == "__MACOSX" or part.startswith(".") and part != ".." for part in _parts(name))


def _parts(name: str) -> list[str]:
    return name.replace("\\", "/").split("/")


def _check(chosen: Sequence[zipfile.ZipInfo], file: SourceFile) -> None:
    for info in chosen:
        name, parts = info.filename, _parts(info.filename)
        if ".." in parts or not parts[0] or parts[0].endswith(":"):
            raise UserError(f"{file.label}: {name} names a file outside the archive; it is not read")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise UserError(f"{file.label}: {name} is a link, which is not followed; choose the file itself by members")
        if info.flag_bits & 1:
            raise UserError(f"{file.label}: {name} is encrypted; unpack it and name its files")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UserError(f"{file.label}: {name} is compressed by another method than deflate; unpack it")
    packed, size = file.path.stat().st_size, sum(info.file_size for info in chosen)
    if size > max(ALWAYS_ALLOWED, MOST_GROWTH * packed):
        raise UserError(
            f"{file.label}: would grow from {packed / 1e6:.1f} to {size / 1e6:.1f} MB, more than {MOST_GROWTH} times; "
            "if it is to be trusted, unpack it and name its files"
        )
