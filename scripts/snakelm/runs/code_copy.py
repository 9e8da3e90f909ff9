"""Copies of the code that jobs run from, one for each state of the code: results/.work/code/<digest>/."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from snakelm.runs.code import LAUNCHER, ROOT, script_of
from snakelm.runs.stages import STAGES


def copy_code(folder: Path, root: Path = ROOT) -> str:
    """Copy the library and the scripts into `folder`/<digest>/ and return the digest; about 30 ms, 1.5 MB.

    The digest is of every byte, so a copy that is there and whole is left as it is; a damaged one makes way. The copy
    appears whole or not at all.
    """
    files = _files(root)
    copy = folder / _digest(files)
    part = folder / f"{copy.name}.{os.getpid()}.part"
    if copy.is_dir() and _digest(_files(copy)) != copy.name:
        copy.rename(part)
        shutil.rmtree(part)
    if not copy.is_dir():
        for name, content in files.items():
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            (part / name).write_bytes(content)
        try:
            part.rename(copy)
        except OSError:  # another process was first
            shutil.rmtree(part, ignore_errors=True)
            if not copy.is_dir():
                raise
    return copy.name


def _files(root: Path) -> dict[Path, bytes]:
    """What a copy holds, read from a checkout, an installed library or a copy."""
    library = sorted(path for path in (root / "snakelm").rglob("*") if _counts(path))
    files = {path.relative_to(root): path.read_bytes() for path in library}
    for stage in STAGES:
        script = script_of(stage, root)
        files[Path("scripts", f"{stage}.py")] = script.read_bytes() if script else LAUNCHER.format(stage=stage).encode()
    return files


def _digest(files: Mapping[Path, bytes]) -> str:
    hasher = hashlib.sha256()
    for name, content in files.items():
        hasher.update(f"{name.as_posix()}\n{len(content)}\n".encode() + content)
    return hasher.hexdigest()[:16]


def _counts(path: Path) -> bool:
    return path.is_file() and path.suffix != ".pyc" and "__pycache__" not in path.parts
