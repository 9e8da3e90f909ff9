"""The files in a zip or tar archive, one after another, each as a file of its own.

A member is copied to a temporary file of a name of ours, read, and removed: nothing is ever unpacked to the place
that the archive names, and every format can be read, those that need to seek too. A member that points outside the
archive is an error all the same, since no honest archive has one; so is a decompression bomb (`opening.check_ratio`).
"""

from __future__ import annotations

import os
import posixpath
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from snakelm.core.console import log
from snakelm.core.errors import UserError
from snakelm.readers.config import SourceConfig
from snakelm.readers.opening import SourceFile, check_ratio, open_bytes, watched

CHUNK = 1 << 20
TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")


def is_archive(name: str) -> bool:
    """Whether a file is an archive, by its suffix: .zip, .tar, .tar.gz and the like."""
    return name.lower().endswith((".zip", *TARS))


def members(archive: SourceFile, source: SourceConfig, work: Path | None) -> Iterator[SourceFile]:
    """The members that `source.members` asks for, as files that are there until the next one is asked for.

    work: where temporary files go; the system's own place for them where it is None. UserError for a damaged archive, a
    member that points outside it or is encrypted, a bomb, and where no member fits.
    """
    found = False
    kind = "zip" if archive.label.lower().endswith(".zip") else "tar"
    try:
        for name, stream, packed in (_zip_members if kind == "zip" else _tar_members)(archive):
            if not _is_wanted(name, source.members):
                continue
            found = True
            with tempfile.NamedTemporaryFile(dir=work, prefix="member-") as copy:
                label = f"{archive.label}/{name}"
                _copy(stream, copy, label, packed)
                yield SourceFile(Path(copy.name), label)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError) as error:
        raise UserError(f"{archive.label}: damaged {kind} archive ({error})") from None
    if not found:
        asked = f"matches members: {', '.join(source.members)}" if source.members else "is a file"
        raise UserError(f"{archive.label}: nothing in this archive {asked}")


def _is_wanted(name: str, globs: Sequence[str] | None) -> bool:
    if globs is not None:
        return any(PurePosixPath(name).match(glob) for glob in globs)
    return not any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def _zip_members(archive: SourceFile) -> Iterator[tuple[str, IO[bytes], int]]:
    with watched(archive), zipfile.ZipFile(archive.path) as opened:
        for info in sorted(opened.infolist(), key=lambda info: info.filename):
            if info.is_dir():
                continue
            name = _inside(info.filename, archive)
            if info.flag_bits & 1:
                raise UserError(f"{archive.label}/{name}: is encrypted; unpack it yourself")
            with opened.open(info) as stream:
                yield name, stream, info.compress_size


def _tar_members(archive: SourceFile) -> Iterator[tuple[str, IO[bytes], int]]:
    with open_bytes(archive) as stream, tarfile.open(fileobj=stream, mode="r|") as opened:
        for info in opened:
            name = _inside(info.name, archive)
            if info.issym() or info.islnk():
                base = posixpath.dirname(name) if info.issym() else ""
                _inside(posixpath.join(base, info.linkname), archive)
                log.warning("%s/%s: is a link, which is passed over", archive.label, name)
            elif info.isfile() and (content := opened.extractfile(info)) is not None:
                yield name, content, info.size  # packed as a whole: open_bytes looks at the ratio


def _inside(name: str, archive: SourceFile) -> str:
    """The member's name without `.`; UserError if it leads out of the archive."""
    plain = posixpath.normpath(name.replace("\\", "/"))
    if plain.startswith(("/", "../")) or plain == ".." or os.path.isabs(name) or plain[1:2] == ":":
        raise UserError(f"{archive.label}: member {name!r} points outside the archive; it is not read")
    return plain


def _copy(stream: IO[bytes], copy: IO[bytes], label: str, packed: int) -> None:
    size = 0
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        check_ratio(label, size, packed)
        copy.write(chunk)
    copy.flush()
