"""What every job does around its stage: read the order, check it, build the runs, publish them, say what failed.

The command line names the file that Snakemake waits for; the order of that job says the rest. The code that runs is
the copy that was made when the job was submitted (launch.py), so it is what the id says, also if a file is edited
meanwhile.
"""

from __future__ import annotations

import argparse
import errno
import logging
import os
import shlex
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn, cast

from filelock import FileLock, Timeout

import snakelm
from snakelm.artifacts import records
from snakelm.artifacts.files import plain
from snakelm.core import console, plugins
from snakelm.core.config import Config
from snakelm.core.console import log
from snakelm.core.errors import UserError
from snakelm.core.registry import Registry
from snakelm.runs import libraries, machine
from snakelm.runs.code import CodeDigests
from snakelm.runs.context import RunContext
from snakelm.runs.digests import FileDigests
from snakelm.runs.fingerprints import Fingerprints
from snakelm.runs.identity import ID_LENGTH, run_id
from snakelm.runs.manifest import describe
from snakelm.runs.records import CellList, CellMember, Circumstance, Failure, Order, OrderedParent, OrderedRun, Parent
from snakelm.runs.stages import STAGES, Stage, resolve
from snakelm.runs.store import (
    Store,
    check_files,
    file_table,
    has_outputs,
    is_complete,
    read_manifest,
    remove_empty,
    remove_tree,
)

StageFunction = Callable[[RunContext[Any]], dict[str, Any]]


def run_job(stage: str) -> None:
    """Make the runs of one job; ends the process with 0, or 1 after one clear line (143 after SIGTERM)."""
    parser = argparse.ArgumentParser(description=f"Make one {stage} job, as snakemake ordered it.")
    parser.add_argument(
        "target", type=Path, help="the file that the job makes, such as results/<stage>/<run>/manifest.json"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="CPU threads (default: all)")
    parser.add_argument("--log", type=Path, help="file that the lines of this job are added to")
    given = parser.parse_args()
    console.set_up(stage, None)
    logging.raiseExceptions = False  # a full disk must not bury its own message
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # Threads that spin at a barrier keep the others of a shared machine from reaching it; read when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        console.set_up(stage, given.log)
        _make(STAGES[stage], given)
    except UserError as error:
        _say(stage, given, error.lines)
    except OSError as error:
        trouble = _DISK_TROUBLE.get(error.errno or 0)
        if trouble is None:
            _unexpected(stage, given)
        _say(stage, given, (f"{error.filename or given.target}: {trouble}",))
    except SystemExit as stop:
        if stop.code == 128 + signal.SIGTERM and "SLURM_JOB_ID" in os.environ:
            # Preempted, and saved. A job that ends by itself has failed and costs a retry; one that outlives its grace
            # time goes back into the queue.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(120)
        raise
    except KeyboardInterrupt:
        raise
    except BaseException:  # a panic of a library in Rust is no Exception
        _unexpected(stage, given)
    finally:
        remove_empty(given.target.parent)


def _make(stage: Stage, given: argparse.Namespace) -> None:
    store = Store(given.target.parents[2])
    job = store.job_of(stage.name, given.target)
    if store.is_made(stage.name, job):  # forced by Snakemake; a complete run is never made over
        log.info("%s is complete already; nothing to do (`attempt: 2` in its entry makes another)", given.target)
        return
    store.failure(stage.name, job).unlink(missing_ok=True)  # of an earlier attempt
    order = _read_order(store, stage, job)
    console.set_up(f"{stage.name} {order.name}", given.log)
    copy = store.code / order.code
    if copy.resolve() != Path(snakelm.__path__[0]).resolve().parent:  # else launch.py would have started the copy
        raise UserError(f"{copy}: the code that this job was submitted with is gone; start snakemake again")
    plugins.load(order.plugins)
    function = cast(StageFunction, resolve(stage.function))
    digests = Digests.of(store)
    for run in order.runs:
        Maker(stage, function, store, order, run, given.threads, digests).make()
    if stage.by_cell:
        members = tuple(CellMember(run.name, run.id, run.folder) for run in order.runs)
        records.write(given.target, CellList(stage.name, job, members))


def _read_order(store: Store, stage: Stage, job: str) -> Order:
    path = store.order(stage.name, job)
    try:
        return store.read_order(stage.name, job)
    except FileNotFoundError:
        raise UserError(
            f"{stage.name} {job}: this run was not ordered (no {path}); start it through snakemake, which writes the "
            "order"
        ) from None
    except ValueError:
        raise UserError(f"{path}: cannot be read; start snakemake again, which writes it anew") from None


_DISK_TROUBLE = {
    errno.ENOSPC: "the disk is full; free some space and rerun, finished work is kept",
    errno.EDQUOT: "the disk quota is used up; free some space and rerun, finished work is kept",
    errno.EROFS: "the file system is read-only; results/ has to be writable",
    errno.EACCES: "no permission; results/ has to be writable for you",
    errno.EPERM: "not permitted; results/ has to be writable for you",
}


def _say(stage: str, given: argparse.Namespace, lines: tuple[str, ...]) -> NoReturn:
    """What the user can fix, a line each; what another job of this invocation has said already is not said again."""
    if other := _note(stage, given, lines):
        log.error("error: the same as %s %s", other.stage, other.name)
        sys.exit(1)
    for line in lines:
        log.error("error: %s", line)
    _hint(given)


def _note(stage: str, given: argparse.Namespace, lines: tuple[str, ...]) -> Failure | None:
    """Write the failure down for the list at the end; returns the job that failed of the same before, if any did."""
    try:
        store = Store(given.target.parents[2])
        job = store.job_of(stage, given.target)
        path = store.failure(stage, job)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            name = store.read_order(stage, job).name
        except (OSError, ValueError):
            name = job
        with FileLock(path.parents[1] / "lock", timeout=10):  # two jobs may fail at once
            same = next((other for other in store.failures() if other.lines == lines and other.job != job), None)
            records.write(path, Failure(stage, job, name, lines, str(given.log or "")))
        return same
    except (OSError, Timeout):
        return None  # a full or read-only disk: the line on the screen is all that can be had


def _unexpected(stage: str, given: argparse.Namespace) -> NoReturn:
    """A fault of the program: the traceback goes to the log, its end to the screen."""
    lines = traceback.format_exc().rstrip().splitlines()
    if given.log is not None:
        try:
            with open(given.log, "a", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")
        except OSError:
            pass
    for line in lines[-12:]:
        log.error("%s", line)
    _note(stage, given, (lines[-1].strip(),))
    _hint(given)


def _hint(given: argparse.Namespace) -> NoReturn:
    command = shlex.join(["python", *sys.argv])
    where = f"log: {given.log}; " if given.log else ""
    print(f"  {where}by hand: {command}", file=sys.stderr)
    sys.exit(1)


@dataclass(frozen=True)
class Basis:
    """What the id of a run is made of, as it was found when the job started."""

    identity: dict[str, Any]
    sources: dict[str, Any]
    code: str
    parents: dict[str, Parent]
    versions: dict[str, str]

    def run_id(self, stage: str) -> str:
        ids = {role: parent.id for role, parent in self.parents.items()}
        return run_id(stage, self.identity, ids, self.code, self.versions)


@dataclass(frozen=True)
class Digests:
    """What a job looks up once for all of its runs."""

    code: CodeDigests
    sources: FileDigests
    parents: FileDigests

    @classmethod
    def of(cls, store: Store) -> Digests:
        """Those whose caches are in the results folder."""
        sources, parents = (FileDigests(store.cache / name) for name in ("files.json", "parents.json"))
        return cls(CodeDigests(cache=store.cache / "code.json"), sources, parents)


class Maker:
    """Makes one run: checks that it is still what was ordered, calls the stage, publishes."""

    def __init__(
        self,
        stage: Stage,
        function: StageFunction,
        store: Store,
        order: Order,
        run: OrderedRun,
        threads: int,
        digests: Digests,
    ):
        self.stage, self.function, self.store, self.run = stage.name, function, store, run
        self.order, self.threads, self.digests = order, threads, digests
        config = resolve(stage.config)
        self.config: Config = (
            config.validate(run.config) if isinstance(config, Registry) else config.model_validate(run.config)
        )

    def make(self) -> None:
        run = self.run
        if has_outputs(self.stage, run.folder):
            log.info("%s is complete already; nothing to do", run.folder)
            return
        code = self.digests.code
        found_outside = Fingerprints(self.digests.sources, code)
        identity, sources = self.config.identity(found_outside), found_outside.sources
        versions = libraries.counting(self.stage, identity) if run.versions else {}
        parents = {role: Parent(parent.stage, parent.name, parent.id) for role, parent in run.parents.items()}
        planned = Basis(identity, sources, code.stage(self.stage, run.components), parents, versions)
        if planned.run_id(self.stage) != run.id:
            if sources != run.sources:
                what = "a source changed"
            elif versions != run.versions:
                what = "the version of a library changed"
            else:
                what = f"the code of {self.stage} changed"
            raise UserError(f"{run.folder.name}: {what} since this job was submitted; start snakemake again")
        found = replace(planned, parents={role: self._parent(parent) for role, parent in run.parents.items()})
        self.digests.parents.save()
        real_id = found.run_id(self.stage)
        if real_id == run.id:
            self._build(run.folder, real_id, found)
            return
        # A parent turned out to be the same as an earlier one, so this run is known under another id.
        existing = self.store.existing(self.stage)
        real = existing.get(real_id)
        if real and self._is_outdated(self.store.root / self.stage / real):
            found = replace(found, versions=libraries.counting(self.stage, identity))
            real_id = found.run_id(self.stage)
            real = existing.get(real_id)
        if real:
            folder = self.store.root / self.stage / real
            log.info("same as %s, which is complete: its parents have the same content", real)
        else:
            folder = self.store.folder(self.stage, run.name, real_id)
            self._build(folder, real_id, found)
        self.store.alias(run.folder, folder)

    def _is_outdated(self, folder: Path) -> bool:
        """Whether libraries have changed since the run was made, and the recipe wants it made again for that."""
        return self.order.on_library_change == "rerun" and bool(libraries.changed(read_manifest(folder)))

    def _parent_folder(self, parent: OrderedParent) -> Path:
        """As ordered, or where another recipe has made it under a name of its own."""
        if is_complete(parent.folder):
            return parent.folder
        return parent.folder.with_name(self.store.existing(parent.stage).get(parent.run_id, parent.folder.name))

    def _parent(self, parent: OrderedParent) -> Parent:
        folder = self._parent_folder(parent)
        try:
            manifest = read_manifest(folder)
        except (OSError, ValueError):
            raise UserError(f"{folder}: this parent run is missing or unreadable; start snakemake again") from None
        check_files(folder, manifest, self.digests.parents)
        return Parent(manifest.stage, manifest.name, manifest.canonical)

    def _build(self, final: Path, real_id: str, basis: Basis) -> None:
        work = self.store.work(self.stage, real_id)
        work.mkdir(parents=True, exist_ok=True)
        lock = FileLock(work.with_name(f"{real_id}.lock"))
        try:
            lock.acquire(timeout=1)
        except Timeout:
            # A cell that shares the run, or a preempted job that is still saving. The lock goes with its process.
            log.info("%s is being made by another process; waiting for it", final.name)
            lock.acquire()
        try:
            if is_complete(final) and not has_outputs(self.stage, final):
                self.store.put_aside(final)
            if has_outputs(self.stage, final):
                pass
            elif other := self.store.existing(self.stage).get(real_id):
                # Another recipe, which calls this entry otherwise, has made it meanwhile.
                self.store.alias(final, self.store.root / self.stage / other)
            else:
                work.mkdir(parents=True, exist_ok=True)
                self._build_alone(final, real_id, work, basis)
        finally:
            lock.release()

    def _build_alone(self, final: Path, real_id: str, work: Path, basis: Basis) -> None:
        out = self.store.building_place(self.stage, real_id)
        remove_tree(out)
        out.mkdir(parents=True)
        started, began = machine.now(), time.monotonic()
        context = RunContext(
            name=self.run.name,
            config=self.config,
            parents={role: self._parent_folder(parent).resolve() for role, parent in self.run.parents.items()},
            out=out,
            work=work,
            subject=self.run.subject,
            subjects={role: parent.subject for role, parent in self.run.parents.items()},
            sources={
                path: value for path, value in basis.sources.items() if isinstance(value, str)
            },  # callables are not
            code=basis.code,
            cache=(self.store.cache / self.stage / basis.code[:ID_LENGTH]).resolve(),
            plugins=self.order.plugins,
            threads=self.threads,
        )
        try:
            headline = self.function(context)
        except BaseException:
            remove_tree(out)
            raise
        manifest = describe(
            self.run,
            self.store,
            stage=self.stage,
            run_id=real_id,
            identity=basis.identity,
            parents=basis.parents,
            sources=basis.sources,
            code=basis.code,
            files=file_table(out),
            headline=headline,
            circumstance=Circumstance(
                started=started,
                finished=machine.now(),
                seconds=round(time.monotonic() - began, 3),
                threads=self.threads,
                settings=_differences(self.config.model_dump(mode="json"), basis.identity),
                times=plain(context.times),
                machine=plain(machine.description()),
            ),
        )
        self.store.publish(out, final, manifest)
        try:
            self.store.link_run(self.order.recipe, self.stage, (self.run.name, *self.run.aliases), final)
        except OSError as error:  # the run is complete: nothing after this may fail it
            log.warning("%s cannot be updated (%s)", self.store.recipe(self.order.recipe), error.strerror)
        remove_tree(work)
        log.info("done in %.1f s: %s", time.monotonic() - began, final)


def _differences(whole: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """What of a config did not enter the id."""
    return {key: value for key, value in whole.items() if key not in part}
