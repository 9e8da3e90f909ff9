"""The files in a zip or tar archive, each to be read like a file of its own.

What an archive says of itself is not trusted. A member whose name points outside the archive is an error, since no
honest archive has one; links are not followed; encrypted members and decompression bombs (`opening.check_ratio`) are
refused. Nothing is ever unpacked to the place that the archive names.

- zip: members are read straight from the archive. (Of a deflated member zipfile unpacks no more than its stated size
  and what was asked for, so the sum of the stated sizes bounds work and memory; of bzip2 and LZMA it unpacks whatever
  comes, so these are refused.)
- tar: read from front to back, so that each member is copied to a temporary file, read, and removed.

Archives in archives are not opened.
"""

from __future__ import annotations

import functools
import os
import posixpath
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from snakelm.core.console import log
from snakelm.core.errors import UserError
from snakelm.readers.opening import SourceFile, check_ratio, open_bytes, watched

CHUNK = 1 << 20
TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")


@dataclass(frozen=True)
class Choice:
    """Which files of an archive are meant. Folders, hidden files and what macOS adds (`__MACOSX`) do not count."""

    members: Sequence[str] | None = None
    """Globs, matched from the end of a path, as `PurePath.match` does; one that has a dot itself chooses hidden files.
    None: every file."""
    several: bool = True
    """Whether an archive may hold more than one file where `members` does not say which are meant."""
    work: Path | None = None
    """Where temporary files go; the system's own place for them where it is None."""

    def has(self, name: str) -> bool:
        if self.members is None:
            return not _is_hidden(name)
        return any(
            PurePosixPath(name).match(glob) and (_is_hidden(glob) or not _is_hidden(name)) for glob in self.members
        )


def is_zip(file: SourceFile) -> bool:
    """Whether it is a zip archive, by its first bytes."""
    try:
        with open(file.path, "rb") as stream:
            return stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
    except OSError:
        return False  # whoever reads it says why it cannot be


def is_tar(file: SourceFile) -> bool:
    """Whether it is a tar archive, by its suffix: .tar, .tar.gz and the like."""
    return file.label.lower().endswith(TARS)


@contextmanager
def contents(file: SourceFile, choice: Choice) -> Iterator[Iterable[SourceFile]]:
    """The file itself, or, where it is an archive, the chosen files in it: of zip sorted by path, of tar as they stand.

    They can be read within the block, those of a tar archive until the next one is asked for. Raises UserError, one
    line, for whatever cannot or must not be read; the archive's sums are checked here.
    """
    if is_zip(file):
        with _in_zip(file, choice) as parts:
            yield parts
    elif is_tar(file):
        yield _in_tar(file, choice)
    elif choice.members:
        raise UserError(f"{file.label}: members is for zip and tar archives, which this is not")
    else:
        yield [file]


@contextmanager
def unpacked(file: SourceFile, work: Path | None) -> Iterator[SourceFile]:
    """A file that can be read in any order: what stands in an archive is copied to a temporary file for the block."""
    if file.opener is None:
        yield file
        return
    with tempfile.NamedTemporaryFile(dir=work, prefix="member-") as copy:
        with open_bytes(file) as stream:
            _copy(stream, copy)
        yield SourceFile(Path(copy.name), file.label)


@dataclass
class _Choosing:
    """Looks at the names in an archive one by one, and says at the end if none was meant."""

    label: str
    choice: Choice
    seen: list[str] = field(default_factory=list)
    """Names of the files that are not hidden, as far as they were looked at."""
    chosen: int = 0

    def takes(self, name: str) -> bool:
        if not _is_hidden(name):
            self.seen.append(name)
        if not self.choice.has(name):
            return False
        self.chosen += 1
        return True

    def refuse_several(self, all_of_them: bool) -> None:
        if self.choice.members is None and not self.choice.several and self.chosen > 1:
            count = f"{self.chosen:,} files" if all_of_them else "several files"
            raise UserError(
                f"{self.label}: holds {count} ({self._shown()}); say by members which are meant, as in members: '*.txt'"
            )

    def refuse_none(self) -> None:
        if self.chosen == 0 and not self.seen:
            raise UserError(f"{self.label}: holds no file")
        if self.chosen == 0:
            globs = ", ".join(self.choice.members or ())
            raise UserError(f"{self.label}: no file matches members: {globs}; it holds {self._shown()}")

    def _shown(self) -> str:
        return ", ".join(self.seen[:2]) + (", …" if self.seen[2:] else "")


@contextmanager
def _in_zip(file: SourceFile, choice: Choice) -> Iterator[list[SourceFile]]:
    with watched(file):
        try:
            archive = zipfile.ZipFile(file.path)
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise UserError(f"{file.label}: damaged or truncated zip archive ({error})") from None
        with archive:
            choosing = _Choosing(file.label, choice)
            named = [(_inside(info.filename, file), info) for info in archive.infolist() if not info.is_dir()]
            chosen = [each for each in sorted(named, key=lambda each: each[0]) if choosing.takes(each[0])]
            choosing.refuse_none()
            choosing.refuse_several(all_of_them=True)
            for name, info in chosen:
                _refuse(name, info, file)
            check_ratio(file.label, sum(info.file_size for _, info in chosen), file.path.stat().st_size)
            yield [
                SourceFile(file.path, f"{file.label}/{name}", opener=functools.partial(archive.open, info))
                for name, info in chosen
            ]


def _refuse(name: str, info: zipfile.ZipInfo, file: SourceFile) -> None:
    if stat.S_ISLNK(info.external_attr >> 16):
        raise UserError(f"{file.label}: {name} is a link, which is not followed; choose the file itself by members")
    if info.flag_bits & 1:
        raise UserError(f"{file.label}: {name} is encrypted; unpack it and name its files")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UserError(f"{file.label}: {name} is compressed by another method than deflate; unpack it")


def _in_tar(file: SourceFile, choice: Choice) -> Iterator[SourceFile]:
    choosing = _Choosing(file.label, choice)
    try:
        with open_bytes(file) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            for info in archive:
                name = _inside(info.name, file)
                if info.issym() or info.islnk():
                    base = posixpath.dirname(name) if info.issym() else ""
                    _inside(posixpath.join(base, info.linkname), file)
                    log.warning("%s/%s: is a link, which is passed over", file.label, name)
                elif info.issparse():  # of a few bytes it makes any number
                    raise UserError(f"{file.label}: {name} is a sparse file; unpack it and name its files")
                elif info.isfile() and choosing.takes(name) and (content := archive.extractfile(info)) is not None:
                    choosing.refuse_several(all_of_them=False)
                    with tempfile.NamedTemporaryFile(dir=choice.work, prefix="member-") as copy:
                        _copy(content, copy)
                        yield SourceFile(Path(copy.name), f"{file.label}/{name}")
    except (tarfile.TarError, zlib.error, EOFError) as error:
        raise UserError(f"{file.label}: damaged or truncated tar archive ({error})") from None
    choosing.refuse_none()


def _is_hidden(name: str) -> bool:
    return any(part == "__MACOSX" or part.startswith(".") and part not in (".", "..") for part in name.split("/"))


def _inside(name: str, archive: SourceFile) -> str:
    """The member's name without `.`; UserError if it leads out of the archive."""
    plain = posixpath.normpath(name.replace("\\", "/"))
    if plain.startswith(("/", "../")) or plain == ".." or os.path.isabs(name) or plain[1:2] == ":":
        raise UserError(f"{archive.label}: member {name!r} points outside the archive; it is not read")
    return plain


def _copy(stream: IO[bytes], copy: IO[bytes]) -> None:
    while chunk := stream.read(CHUNK):
        copy.write(chunk)
    copy.flush()
