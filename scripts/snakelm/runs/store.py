"""The results folder: where runs, half-done work, orders and links live, and how a run becomes visible.

    results/<stage>/<name>-<id>/      a complete run, never changed; manifest.json describes it
    results/finetune/cells/<cell>.json   says which runs make up a cell (all seeds of one model, task and init)
    results/recipes/<recipe>/<stage>/<name>   a link to the run of a recipe's entry; beside them its report
    results/latest                    a link to results/recipes/<recipe> of the recipe that was run last
    results/logs/<stage>/…            logs
    results/.work/<stage>/<id>/       checkpoints and half-done work of a run; outlives a kill
    results/.work/orders/<stage>/…    what each submitted job was told to make
    results/.work/code/<digest>/      copies of the code, which the jobs run
    results/.work/checkouts/          the working directories whose Snakemake has used this folder
    results/.work/cache/              digests, tokenized texts; may be deleted at any time

A run is built in .work and renamed into place with its manifest inside, so a folder with a manifest is complete.
"""

from __future__ import annotations

import errno
import os
import platform
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from snakelm.artifacts import records
from snakelm.core.errors import UserError
from snakelm.runs.code_copy import copy_code
from snakelm.runs.digests import FileDigests, digest, file_sha256
from snakelm.runs.identity import ID_LENGTH, folder_name, id_of_folder
from snakelm.runs.records import CellList, Checkout, Failure, FileEntry, Manifest, Order
from snakelm.runs.stages import STAGES

MANIFEST = "manifest.json"
COPY = ".manifest.json"
"""Snakemake deletes the declared file of a job that failed, even if all that failed was its last breath, after the run
was published. So a run keeps its manifest twice, and `is_complete` puts the first one back."""
CARD = "README.md"
"""Beside the files of a model or tokenizer: its card, written later than the run and not a part of it."""
CIRCUMSTANCE = "circumstance"
STAGING = ".staging"
"""Folder within a stage's folder, where runs are built if .work is on another file system: no rename leads across."""
REPORT_FILES = ("report.html", "metrics.tsv", "summary.tsv", "results.svg", "results.png")
"""Files of a report that are linked where people look for them; of one that is below circumstance/ too the one there,
which says more."""
SNAKEMAKE_LOCKS = ".snakemake/locks"


class Store:
    """The results folder of one working directory.

    restores: whether looking for runs puts back manifests that can be restored from their copies (`is_complete`).
    """

    def __init__(self, root: str | Path = "results", restores: bool = True):
        self.root, self.restores = Path(root), restores
        self.cache = self.root / ".work" / "cache"

    def folder(self, stage: str, name: str, run_id: str) -> Path:
        return self.root / stage / folder_name(name, run_id)

    def work(self, stage: str, run_id: str) -> Path:
        return self.root / ".work" / stage / run_id

    def target(self, stage: str, job: str) -> Path:
        """The file that Snakemake waits for, and by which a job finds its order (launch.py)."""
        if STAGES[stage].by_cell:
            return self.root / stage / "cells" / f"{job}.json"
        return self.root / stage / job / MANIFEST

    def job_of(self, stage: str, target: Path) -> str:
        """The job whose target this is."""
        return target.stem if STAGES[stage].by_cell else target.parent.name

    def is_made(self, stage: str, job: str) -> bool:
        """Whether all is complete that a job's target stands for: its own run, or all runs of its cell."""
        target = self.target(stage, job)
        if not STAGES[stage].by_cell:
            return has_outputs(stage, target.parent)
        try:
            return all(is_complete(run.folder) for run in records.read(CellList, target).runs)
        except (OSError, ValueError):
            return False

    def order(self, stage: str, job: str) -> Path:
        return self.root / ".work" / "orders" / stage / f"{job}.json"

    def read_order(self, stage: str, job: str) -> Order:
        """What the job is to make; OSError if nobody ordered it, ValueError if the order cannot be read."""
        return records.read(Order, self.order(stage, job))

    def note_checkout(self) -> None:
        """Write down that Snakemake in this working directory uses the folder; OSError where that cannot be written."""
        locks = Path(SNAKEMAKE_LOCKS).absolute()
        path = self.root / ".work" / "checkouts" / f"{digest([platform.node(), str(locks)])[:ID_LENGTH]}.json"
        records.write(path, Checkout(platform.node(), locks))

    def is_worked_on(self) -> bool:
        """Whether a Snakemake that uses this folder runs, or was killed and left its locks, in any checkout.

        A checkout that another machine alone can see counts as running: its record in .work/checkouts can be deleted.
        """
        places = [Checkout(platform.node(), Path(SNAKEMAKE_LOCKS))]
        for path in (self.root / ".work" / "checkouts").glob("*.json"):
            try:
                places.append(records.read(Checkout, path))
            except (OSError, ValueError):
                return True
        return any(map(_is_worked_on, places))

    def failure(self, stage: str, job: str) -> Path:
        return self.root / ".work" / "failures" / stage / f"{job}.json"

    def failures(self) -> list[Failure]:
        """The jobs that have failed since the last invocation started, sorted by stage and job."""
        found = []
        for path in sorted((self.root / ".work" / "failures").glob("*/*.json")):
            try:
                found.append(records.read(Failure, path))
            except (OSError, ValueError):
                continue
        return found

    @property
    def code(self) -> Path:
        return self.root / ".work" / "code"

    def copy_code(self) -> str:
        """Put the code of now where jobs run it from; returns what orders call it."""
        return copy_code(self.code)

    def existing(self, stage: str) -> dict[str, str]:
        """id → folder name of every complete run of the stage; links count if they lead to a run of that very id."""
        found: dict[str, str] = {}
        try:
            entries = list(os.scandir(self.root / stage))
        except FileNotFoundError:
            return found
        for entry in sorted(entries, key=lambda entry: (entry.is_symlink(), entry.name)):
            run_id = id_of_folder(entry.name)
            if run_id is None or (entry.is_symlink() and id_of_folder(os.path.realpath(entry.path)) != run_id):
                continue
            if is_complete(entry.path, self.restores):
                found.setdefault(run_id, entry.name)
        return found

    def folders_of(self, stage: str, name: str) -> list[Path]:
        """The folders of runs that bear this name, complete or not, sorted; links are left out."""
        return [
            path
            for path in sorted((self.root / stage).glob(f"{name}-*"))
            if path.name[: -ID_LENGTH - 1] == name and id_of_folder(path) and not path.is_symlink()
        ]

    def checkpoint_step(self, stage: str, run_id: str) -> int | None:
        """The newest checkpoint's step of an unfinished run; None if it has none."""
        steps = [
            int(path.name.rpartition("-")[2])
            for path in self.work(stage, run_id).glob("checkpoints/checkpoint-*")
            if path.name.rpartition("-")[2].isdigit()
        ]
        return max(steps, default=None)

    def building_place(self, stage: str, run_id: str) -> Path:
        """Where to build a run, so that a rename can publish it: in .work, or beside the target where .work is on
        another file system. A rename is tried, since nothing else tells (subvolumes, bind mounts). OSError where
        neither place can be written."""
        work, target = self.work(stage, run_id), self.root / stage
        probe, arrived = work / "probe", target / f".{run_id}.probe"
        for folder in (target, probe):
            folder.mkdir(parents=True, exist_ok=True)
        try:
            os.rename(probe, arrived)
        except OSError as error:
            probe.rmdir()
            if error.errno != errno.EXDEV:
                raise
            return target / STAGING / run_id
        arrived.rmdir()
        return work / "out"

    def publish(self, built: Path, final: Path, manifest: Manifest) -> None:
        """Write the manifest into `built` and rename it to `final`, so that it appears whole or not at all."""
        records.write(built / MANIFEST, manifest)
        shutil.copyfile(built / MANIFEST, built / COPY)
        _make_modes_plain(built)
        for path in [*built.rglob("*"), built]:
            if not path.is_symlink():  # a tracker's may lead nowhere
                _sync(path)
        final.parent.mkdir(parents=True, exist_ok=True)
        if final.is_dir() and not final.is_symlink() and any(final.iterdir()):
            self.put_aside(final)  # not a run: it has no manifest
        if final.is_symlink():  # an alias whose run is gone
            final.unlink()
        os.rename(built, final)
        _sync(final.parent)

    def alias(self, final: Path, real: Path) -> None:
        """Let `final` lead to the run `real`, which turned out to be the same."""
        if final.is_dir() and not final.is_symlink():
            final.rmdir()
        link(final, real)

    def recipe(self, name: str) -> Path:
        """The folder of links to what a recipe has made."""
        return self.root / "recipes" / name

    def link_run(self, recipe: str, stage: str, names: Iterable[str], folder: Path) -> None:
        """Let a finished run be found under its names in the recipe's folder; a report in results/ itself, too."""
        for name in names:
            link(self.recipe(recipe) / stage / name, folder)
        if stage == "report":
            for file in filter(lambda file: (folder / file).exists(), REPORT_FILES):
                fuller = folder / CIRCUMSTANCE / file
                for place in (self.recipe(recipe), self.root):
                    link(place / file, fuller if fuller.exists() else folder / file)

    def make_latest(self, recipe: str) -> None:
        """Let results/latest lead to the recipe's folder. (Where it is a folder, as it once was, it makes way.)"""
        latest = self.root / "latest"
        if latest.is_dir() and not latest.is_symlink():
            self.put_aside(latest)
        self.recipe(recipe).mkdir(parents=True, exist_ok=True)
        link(latest, self.recipe(recipe))

    def put_aside(self, folder: Path) -> None:
        """Nothing is deleted that somebody may want to look at."""
        aside = self.root / ".work" / "aside" / f"{folder.parent.name}-{folder.name}-{os.getpid()}"
        aside.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder, aside)  # may be on another file system


def is_complete(folder: str | Path, restore: bool = True) -> bool:
    """Whether the folder is a complete run; a manifest that is gone or unreadable is restored from its copy."""
    manifest, copy = os.path.join(folder, MANIFEST), os.path.join(folder, COPY)
    if is_readable(manifest):
        return True
    if not is_readable(copy):
        return False
    if not restore:
        return True
    part = f"{manifest}.{os.getpid()}.part"
    try:
        shutil.copyfile(copy, part)
        os.replace(part, manifest)
    except OSError:
        return False  # a disk that is full or read-only: nothing is lost, and nothing can be made either
    return True


def has_outputs(stage: str, folder: Path) -> bool:
    """Whether the folder is a complete run, with all that Snakemake waits for."""
    return is_complete(folder) and all((folder / name).is_file() for name in STAGES[stage].outputs)


def is_damaged(folder: Path) -> bool:
    """Whether this was a run, but neither its manifest nor the copy can be read."""
    return any(os.path.exists(folder / name) for name in (MANIFEST, COPY)) and not is_complete(folder)


def is_readable(manifest: str | Path) -> bool:
    """Whether it is a manifest, every field of its type (about as fast as parsing the JSON alone)."""
    try:
        records.read(Manifest, Path(manifest))
    except (OSError, ValueError):
        return False
    return True


def file_problems(folder: Path, manifest: Manifest, sha256: Callable[[Path], str]) -> Iterator[tuple[Path, str]]:
    """Hold a run's files against its manifest: (file, what is wrong) for those gone or no longer what they were."""
    for name, entry in manifest.files.items():
        path = folder / name
        try:
            if path.stat().st_size != entry.bytes or sha256(path.resolve()) != entry.sha256:
                yield path, "is damaged: its content is not what the manifest says"
        except OSError as error:
            yield path, f"cannot be read ({error.strerror})"


def check_files(folder: Path, manifest: Manifest, digests: FileDigests) -> None:
    """UserError where a file of the run is gone or no longer what its manifest says."""
    problems = [
        f"{path}: {what}; restore it, or delete {folder} to make that run again"
        for path, what in file_problems(folder, manifest, digests)
    ]
    if problems:
        raise UserError(*problems)


def _is_worked_on(place: Checkout) -> bool:
    if place.locks.is_dir():
        return any(place.locks.iterdir())
    return place.host != platform.node() and not place.locks.parents[1].is_dir()


def link(path: Path, target: Path) -> None:
    """Make `path` a relative link to `target`, atomically; whatever link stood there is replaced."""
    wanted = os.path.relpath(target, path.parent)
    if path.is_symlink() and os.readlink(path) == wanted:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    part.symlink_to(wanted)
    part.replace(path)


def read_manifest(folder: Path) -> Manifest:
    """A run's manifest, or its copy where that cannot be read; OSError or ValueError if neither can."""
    try:
        return records.read(Manifest, folder / MANIFEST)
    except (OSError, ValueError) as error:
        try:
            return records.read(Manifest, folder / COPY)
        except (OSError, ValueError):
            raise error from None


def file_table(folder: Path) -> dict[str, FileEntry]:
    """Relative path → sha256 and bytes of every file of a run, the manifest left out."""
    return {
        path.relative_to(folder).as_posix(): FileEntry(file_sha256(path), path.stat().st_size)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (MANIFEST, COPY)
    }


def content_digest(files: dict[str, FileEntry]) -> str:
    """One sum for what the run holds; files under circumstance/ differ between machines and do not count."""
    return digest({name: file.sha256 for name, file in files.items() if not is_circumstantial(name)})


def is_circumstantial(name: str) -> bool:
    return name.startswith(f"{CIRCUMSTANCE}/")


def remove_empty(folder: Path) -> None:
    """Remove a folder that Snakemake made for an output that never came."""
    try:
        if not folder.is_symlink():
            folder.rmdir()
    except OSError:
        pass


def remove_tree(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _make_modes_plain(built: Path) -> None:
    """Give every file the mode of one that is written plainly, and every folder that of `built`: what umask and the
    folder's ACL say. (What goes through a temporary file, as safetensors does, is for its owner alone.) A file that an
    adopted folder shares is not ours to change."""
    file_mode, folder_mode = (stat.S_IMODE(path.stat().st_mode) for path in (built / MANIFEST, built))
    for path in built.rglob("*"):
        if not path.is_symlink() and (path.is_dir() or path.stat().st_nlink == 1):
            path.chmod(folder_mode if path.is_dir() else file_mode)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:  # some file systems cannot sync folders
        pass
    finally:
        os.close(handle)
