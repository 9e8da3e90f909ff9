"""Verify: hold every file of runs against the sha256 in their manifests. Reads all that the runs hold; changes nothing.

The check of one run's files is `file_problems` (runs/store.py), which jobs ask of their parents too; what is added here
is what a job need not care for: manifests, their copies, and how to make again what is damaged. Cost: reading the files
once, about 1 s a GB with a warm disk.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from snakelm.core.errors import UserError, did_you_mean
from snakelm.planning.plan import Plan
from snakelm.runs.digests import file_sha256
from snakelm.runs.identity import id_of_folder
from snakelm.runs.records import Manifest
from snakelm.runs.stages import STAGES
from snakelm.runs.store import COPY, MANIFEST, Store, file_problems, is_readable, read_manifest


@dataclass(frozen=True)
class FoundRun:
    """A run as it lies on the disk, whole or not."""

    stage: str
    id: str
    folder: Path
    manifest: Manifest | None
    """None where neither the manifest nor its copy can be read."""

    @property
    def name(self) -> str:
        return self.manifest.name if self.manifest else self.folder.name.removesuffix(f"-{self.id}")

    @property
    def bytes(self) -> int:
        """What the manifest says that its files hold."""
        return sum(entry.bytes for entry in self.manifest.files.values()) if self.manifest else 0


@dataclass(frozen=True)
class Checked:
    """What was found of a run."""

    stage: str
    name: str
    id: str
    folder: str
    files: int
    bytes: int
    problems: list[str] = field(default_factory=list)
    """What is damaged or missing; nothing for a run that is whole."""
    remedy: str = ""
    """A command that repairs the run or makes it again; nothing where none is known."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def found_runs(store: Store) -> list[FoundRun]:
    """All runs of a results folder, parents before children; links and folders without a file are left out."""
    return [
        FoundRun(stage, run_id, folder, _manifest(folder))
        for stage in STAGES
        for folder in _folders(store.root / stage)
        if (run_id := id_of_folder(folder)) is not None
    ]


def _folders(place: Path) -> list[Path]:
    try:
        folders = [path for path in sorted(place.iterdir()) if path.is_dir() and not path.is_symlink()]
    except FileNotFoundError:
        return []
    return [folder for folder in folders if any(folder.iterdir())]


def _manifest(folder: Path) -> Manifest | None:
    try:
        return read_manifest(folder)
    except (OSError, ValueError):
        return None


def called(runs: Sequence[FoundRun], wanted: Iterable[str], plan: Plan | None) -> list[FoundRun]:
    """The runs that `stage:name` names (* is a wildcard), by their own name, their folder's, or the plan's name for
    them; UserError for a name of none."""
    in_recipe = {(run.stage, run.id): run.name for run in plan.runs.values()} if plan else {}
    names = {
        run.folder: {run.name, run.folder.name, run.folder.name.removesuffix(f"-{run.id}")}
        | ({in_recipe[run.stage, run.id]} if (run.stage, run.id) in in_recipe else set())
        for run in runs
    }
    chosen: set[Path] = set()
    for text in wanted:
        stage, _, pattern = text.partition(":")
        if stage not in STAGES:
            raise UserError(f"{text}: write <stage>:<name> with one of {', '.join(STAGES)}; * is a wildcard")
        of_stage = [run.folder for run in runs if run.stage == stage]
        found = {folder for folder in of_stage if any(fnmatch(name, pattern or "*") for name in names[folder])}
        if not found:
            known = {name for folder in of_stage for name in names[folder] if name != folder.name}
            raise UserError(f"{text}: there is no such run in {stage}{did_you_mean(pattern, known)}")
        chosen |= found
    return [run for run in runs if run.folder in chosen]


def problems_of(run: FoundRun, read: Callable[[int], None] = lambda count: None) -> Iterator[str]:
    """What is wrong with a run, a line each; `read` is told of the bytes as they are read."""
    if run.manifest is None:
        yield f"{MANIFEST}: neither it nor its copy ({COPY}) can be read"
        return
    if not is_readable(run.folder / MANIFEST):
        yield f"{MANIFEST}: cannot be read, but its copy ({COPY}) is whole"
    elif (run.folder / COPY).exists():
        if not is_readable(run.folder / COPY):
            yield f"{COPY}: the copy of the manifest cannot be read, but {MANIFEST} is whole"
        elif (run.folder / COPY).read_bytes() != (run.folder / MANIFEST).read_bytes():
            yield f"{MANIFEST}: differs from its copy ({COPY}), so one of them was changed"
    if run.manifest.stage != run.stage or run.manifest.id != run.id:
        yield f"{MANIFEST}: is of another run ({run.manifest.stage} {run.manifest.id})"
    for path, what in file_problems(run.folder, run.manifest, lambda path: file_sha256(path, read)):
        yield f"{path.relative_to(run.folder).as_posix()}: {what}"


def check(run: FoundRun, read: Callable[[int], None] = lambda count: None) -> Checked:
    """Hold one run against its manifest; costs reading its files. A remedy is for `with_remedy` to find."""
    files = len(run.manifest.files) if run.manifest else 0
    problems = list(problems_of(run, read))
    return Checked(run.stage, run.name, run.id, run.folder.as_posix(), files, run.bytes, problems)


def with_remedy(run: FoundRun, checked: Checked, plan: Plan | None, recipe: Sequence[str]) -> str:
    """The command that repairs the run, or takes it away and makes it again; '' where nothing given makes it.

    recipe: the options that name the recipe on the command line (--configfile …, --config …).
    """
    files = [problem for problem in checked.problems if not problem.startswith((MANIFEST, COPY))]
    manifest, copy = (shlex.quote(str(run.folder / name)) for name in (MANIFEST, COPY))
    if run.manifest is not None and not files and run.manifest.id == run.id:
        if not is_readable(run.folder / MANIFEST):
            return f"cp {copy} {manifest}"
        if not is_readable(run.folder / COPY):
            return f"cp {manifest} {copy}"
        return f"diff {copy} {manifest}   # then copy the right one over the other"
    delete = f"rm -r {shlex.quote(str(run.folder))}"
    planned = plan.runs.get((run.stage, run.id)) if plan else None
    if planned is None:
        return ""
    entry = f"{run.stage}:{planned.name}"
    adopted = run.manifest.circumstance.adopted if run.manifest else None
    if adopted is not None:
        return f"{delete} && {shlex.join(['snakelm', 'adopt', entry, adopted.get('from', 'FOLDER'), *recipe])}"
    return f"{delete} && {shlex.join(['snakelm', 'run', *_with_only(recipe, entry)])}"


def _with_only(recipe: Sequence[str], entry: str) -> list[str]:
    return [*recipe, *([] if "--config" in recipe else ["--config"]), f"only={entry}"]
