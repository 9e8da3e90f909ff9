"""Copies of the code that jobs run from, one for each state of the code: results/.work/code/<digest>/."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from snakelm.runs.code import LAUNCHER, ROOT, script_of
from snakelm.runs.stages import STAGES


def copy_code(folder: Path, root: Path = ROOT) -> str:
    """Copy the library and the scripts into `folder`/<digest>/ and return the digest; about 30 ms, 1.5 MB.

    What is there already is left as it is: the digest is of every byte. The copy appears whole or not at all.
    """
    library = sorted(path for path in (root / "snakelm").rglob("*") if _counts(path))
    files = {path.relative_to(root): path.read_bytes() for path in library}
    for stage in STAGES:
        script = script_of(stage, root)
        files[Path("scripts", f"{stage}.py")] = script.read_bytes() if script else LAUNCHER.format(stage=stage).encode()
    hasher = hashlib.sha256()
    for name, content in files.items():
        hasher.update(f"{name.as_posix()}\n{len(content)}\n".encode() + content)
    copy = folder / hasher.hexdigest()[:16]
    if not copy.is_dir():
        part = folder / f"{copy.name}.{os.getpid()}.part"
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


def _counts(path: Path) -> bool:
    return path.is_file() and path.suffix != ".pyc" and "__pycache__" not in path.parts
