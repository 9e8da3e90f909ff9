"""Checkpoints that are whole or not there: written beside, synced, renamed, and checked by checksum when read."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from snakelm.core.console import log

CHECKSUMS = "checksums.json"


def checkpoint_folder(work: Path, step: int) -> Path:
    return work / "checkpoints" / f"checkpoint-{step}"


def step_of(folder: Path) -> int:
    return int(folder.name.removeprefix("checkpoint-"))


def all_checkpoints(work: Path) -> list[Path]:
    """The checkpoints by step, oldest first; folders still being written (or left so by a kill) are not among them."""
    found = [path for path in (work / "checkpoints").glob("checkpoint-*") if re.fullmatch(r"checkpoint-\d+", path.name)]
    return sorted(found, key=step_of)


def write(folder: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write into a temporary folder beside, add checksums, flush to disk, and put it in place at once."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    fill(part)
    sums = {str(path.relative_to(part)): _sha256(path) for path in sorted(part.rglob("*")) if path.is_file()}
    (part / CHECKSUMS).write_text(json.dumps(sums, indent=2) + "\n")
    for path in [*part.rglob("*"), part]:
        _sync(path)
    if folder.exists():
        old = folder.with_name(f".{folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
        part.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        part.rename(folder)
    _sync(folder.parent)


def fault(folder: Path) -> str | None:
    """What is wrong with a written folder, or None if every file is there with its checksum."""
    try:
        sums = json.loads((folder / CHECKSUMS).read_text())
        if not sums:
            return f"{CHECKSUMS} is empty"
        for name, expected in sums.items():
            if not (folder / name).is_file():
                return f"{name} is missing"
            if _sha256(folder / name) != expected:
                return f"{name} is damaged"
    except (OSError, ValueError, AttributeError) as error:
        return f"{CHECKSUMS} cannot be read ({error})"
    return None


def newest_whole(work: Path) -> Path | None:
    """The newest checkpoint that is undamaged; each damaged one is skipped with a line saying so."""
    found = all_checkpoints(work)
    for folder in reversed(found):
        if (wrong := fault(folder)) is None:
            return folder
        back = "trying the one before" if folder != found[0] else "no other is left; starting over"
        log.warning(f"{folder.name} is skipped: {wrong}; {back}")
    return None


def prune(work: Path, keep: int) -> None:
    """Delete all but the newest `keep` checkpoints, and what kills have left half-written."""
    for folder in all_checkpoints(work)[:-keep]:
        shutil.rmtree(folder, ignore_errors=True)
    for part in (work / "checkpoints").glob(".checkpoint-*"):
        shutil.rmtree(part, ignore_errors=True)


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
