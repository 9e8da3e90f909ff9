"""Garbage collection: what in results/ no recipe needs, and taking it away without ever leaving half a run.

What stays: every run of the given recipes' plans, every run that one of those was made of, and whatever a working
process holds: a run whose lock is taken, and the parents that its order names. While a Snakemake that uses the folder
has its lock, in whatever checkout, everything that is ordered and not yet made counts as held, since queued jobs hold
no lock of their own.
Logs stay too: they are small, and tell what once was.

Listing costs one pass over the file names (about 10 µs a file); deleting costs what removing the files costs.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from snakelm.planning.plan import Plan
from snakelm.runs.identity import id_of_folder
from snakelm.runs.records import Order
from snakelm.runs.stages import STAGES
from snakelm.runs.store import (
    CARD,
    COPY,
    MANIFEST,
    REPORT_FILES,
    STAGING,
    Store,
    is_complete,
    read_manifest,
    remove_empty,
    remove_tree,
)

UNUSED = 7 * 24 * 3600
"""Seconds after which tokenized texts that nobody read count as not needed; they can be made again at any time."""
Key = tuple[str, str]
"""(stage, id) of a run."""


@dataclass(frozen=True)
class Item:
    """Something that can go."""

    kind: str
    """run, alias, cell, half-done work, tokenized texts, code copy, set aside, order, or trash (what a killed
    collection left)."""
    path: Path
    bytes: int
    """What deleting it frees: files with other hard links free nothing."""
    used: float
    """When a file of it was last read or written (as far as the file system notes reading), in seconds since 1970."""
    stage: str = ""


@dataclass
class Needed:
    """What must stay."""

    runs: set[Key] = field(default_factory=set)
    jobs: set[Key] = field(default_factory=set)
    """(stage, job) of the orders that belong to a needed run."""
    code: set[str] = field(default_factory=set)
    """Copies of the code that jobs run or are to run."""
    held: set[Key] = field(default_factory=set)
    """Runs that a working process is making."""
    running: bool = False
    """Whether Snakemake's lock is there."""


def needed(plans: Iterable[Plan], store: Store) -> Needed:
    """What the plans, and the processes that work now, need."""
    found = Needed(running=store.is_worked_on())
    for plan in plans:
        found.runs |= set(plan.runs)
        found.runs |= {(run.stage, run.canonical) for run in plan.runs.values()}
        found.jobs |= {(job.stage, job.key) for job in plan.jobs}
    found.held = set(held(store))
    for order in _orders(store):
        keys = {(order.stage, run.id) for run in order.runs}
        is_made = os.path.exists(order.target)
        pending = found.running and not is_made
        # A run whose parent turned out to be an earlier one is made under another id than its order says.
        strange = {key for key in found.held if key[0] == order.stage and key not in found.runs}
        if pending or keys & found.held or (strange and not is_made):
            found.runs |= keys
            found.jobs.add((order.stage, order.job))
            for run in order.runs:
                for parent in run.parents.values():
                    found.runs |= {(parent.stage, parent.id), (parent.stage, parent.run_id)}
        if (order.stage, order.job) in found.jobs:
            found.code.add(order.code)
    found.runs |= found.held
    _add_ancestors(found.runs, store)
    return found


def garbage(needed: Needed, store: Store) -> list[Item]:
    """Everything that nothing needs, in an order in which what is left after a kill is whole: what points to runs
    first (cells, links), then children before their parents."""
    found = [
        _item("cell", path, stage.name)
        for stage in STAGES.values()
        if stage.by_cell
        for path in _entries(store.root / stage.name / "cells")
        if path.suffix == ".json" and (stage.name, store.job_of(stage.name, path)) not in needed.jobs
    ]
    runs = []
    for stage in reversed(list(STAGES)):
        for path in _entries(store.root / stage):
            run_id = id_of_folder(path)
            if run_id is None or (stage, run_id) in needed.runs:
                continue
            if path.is_symlink():
                found.append(Item("alias", path, 0, path.lstat().st_mtime, stage))
            elif is_complete(path):
                runs.append(_item("run", path, stage))
    found += runs
    work = store.root / ".work"
    for stage in STAGES:
        done = store.existing(stage)
        for path in _entries(work / stage):
            key = (stage, path.name)
            if path.is_dir() and (key not in needed.runs or (path.name in done and key not in needed.held)):
                found.append(_item("half-done work", path, stage))
        for path in _entries(store.root / stage / STAGING):
            if (stage, path.name) not in needed.held:
                found.append(_item("half-done work", path, stage))
        for path in _entries(work / "orders" / stage):
            if path.suffix == ".json" and (stage, path.stem) not in needed.jobs:
                found.append(_item("order", path, stage))
    found += [
        item
        for stage, what in (("finetune", "tokenized texts"), ("train_tokenizer", "learned vocabularies"))
        for path in _entries(store.cache / stage)
        if path.is_dir() and (item := _item(what, path)).used < time.time() - UNUSED
    ]
    found += [_item("code copy", path) for path in _entries(store.code) if path.name not in needed.code]
    found += [_item("set aside", path) for path in _entries(work / "aside")]
    found += [_item("trash", path) for path in _entries(work / "trash")]
    return found


def delete(items: Iterable[Item], store: Store) -> Iterator[Item]:
    """Delete, yielding each item once it is gone; OSError where something cannot be deleted.

    A run leaves results/<stage>/ in one rename, so a kill leaves it whole or gone (the rest of it in .work/trash,
    which the next collection takes).
    """
    trash = store.root / ".work" / "trash"
    for item in items:
        if item.path.is_symlink() or not item.path.is_dir():
            item.path.unlink(missing_ok=True)
        elif item.kind == "trash":
            _remove(item.path)
        else:
            trash.mkdir(parents=True, exist_ok=True)
            away = trash / f"{item.stage or 'other'}-{item.path.name}-{os.getpid()}"
            try:
                item.path.rename(away)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                for name in (COPY, MANIFEST):  # on another disk: no rename, so first what says complete
                    (item.path / name).unlink(missing_ok=True)
                away = item.path
            _remove(away)
        yield item
    _drop_dangling(store)


def _remove(folder: Path) -> None:
    remove_tree(folder)
    if folder.exists():
        raise OSError(errno.EPERM, "some of its files cannot be deleted", str(folder))


def held(store: Store) -> Iterator[Key]:
    """(stage, id) of every run whose lock somebody holds."""
    for stage in STAGES:
        for path in _entries(store.root / ".work" / stage):
            if path.suffix == ".lock":
                try:
                    with FileLock(path, timeout=0):
                        pass
                except (Timeout, OSError):  # a lock that cannot even be opened is taken for held
                    yield stage, path.stem


def _orders(store: Store) -> Iterator[Order]:
    for stage in STAGES:
        for path in _entries(store.root / ".work" / "orders" / stage):
            try:
                yield store.read_order(stage, path.stem)
            except (OSError, ValueError):
                continue


def _add_ancestors(runs: set[Key], store: Store) -> None:
    """Add what the runs were made of, as their manifests say, up to the corpus."""
    folders = {stage: store.existing(stage) for stage in STAGES}
    waiting = list(runs)
    while waiting:
        stage, run_id = waiting.pop()
        folder = folders.get(stage, {}).get(run_id)
        if folder is None:
            continue
        try:
            parents = read_manifest(store.root / stage / folder).parents.values()
        except (OSError, ValueError):
            continue
        for parent in parents:
            key = (parent.stage, parent.id)
            if key not in runs:
                runs.add(key)
                waiting.append(key)


def _drop_dangling(store: Store) -> None:
    """Links to what is gone, and folders of nothing else."""
    recipes = _entries(store.root / "recipes")
    folders = [folder for recipe in recipes for folder in [*_entries(recipe), recipe] if folder.is_dir()]
    links = [path for folder in folders for path in _entries(folder)]
    for path in links:
        _drop_if_dangling(path)
    for folder in folders:
        remove_empty(folder)
    for name in (*REPORT_FILES, "latest"):
        _drop_if_dangling(store.root / name)


def _drop_if_dangling(path: Path) -> None:
    if path.is_symlink() and not path.exists():
        path.unlink(missing_ok=True)


def _item(kind: str, path: Path, stage: str = "") -> Item:
    size, used = 0, 0.0
    for file in [path, *path.rglob("*")] if path.is_dir() else [path]:
        try:
            status = file.lstat()
        except FileNotFoundError:  # a working process has taken it away
            continue
        if not file.is_dir() and status.st_nlink == 1:
            size += status.st_size
        if not file.is_dir() and file.name not in (MANIFEST, CARD):  # planning reads them
            used = max(used, status.st_atime, status.st_mtime)
    return Item(kind, path, size, used or path.lstat().st_mtime, stage)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
