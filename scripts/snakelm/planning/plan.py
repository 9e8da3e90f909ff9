"""A plan: every run that a recipe asks for, with its id, parents and state, and the jobs that make them.

planner.py makes it; nothing changes it. Imports neither torch nor transformers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any

from snakelm.core.config import Config
from snakelm.core.errors import UserError
from snakelm.recipe.schema import Recipe
from snakelm.runs.records import Subject
from snakelm.runs.stages import STAGES
from snakelm.runs.store import MANIFEST, Store

FINISHED = "finished"
"""`only=finished`: a report of what is there already, while or after the rest fails."""


@dataclass(frozen=True, eq=False)
class PlannedRun:
    """One stage carried out for one entry."""

    stage: str
    name: str
    id: str
    canonical: str
    """The id that children see: that of the earliest run with the same content."""
    folder: Path
    subject: Subject
    parents: Mapping[str, PlannedRun]
    sources: Mapping[str, Any]
    identity: Mapping[str, Any]
    explicit: Mapping[str, Any]
    key: str
    code: str
    """The digest of the code that it would be made with."""
    versions: Mapping[str, str]
    """Versions of libraries that are part of the id; empty but where `on_library_change: rerun` makes it again."""
    components: tuple[str, ...]
    """The modules of the registered variants that it uses."""
    config: Config | Callable[[], Config]
    """The typed config, or a function that makes it (thousands of fine-tunings need none to be planned)."""
    roles: Mapping[str, Subject] = field(default_factory=dict)
    """Role → what that parent is about, where it is more than the parent's own subject: a run that two entries share
    is the parent of both, under two roles."""
    left_out: frozenset[str] = frozenset()
    """Keys of the config that belong to another stage."""
    done: bool = False
    kept: bool = False
    """Made by other code, and accepted because the recipe says `on_code_change: keep`."""
    is_wanted: bool = True
    """Whether a user wants it for itself; a trunk is made for the models that go on from it."""
    aliases: list[str] = field(default_factory=list)
    """What the other entries that mean the same call it; complete once the whole recipe is planned."""

    @property
    def names(self) -> list[str]:
        """Its name and its aliases."""
        return [self.name, *self.aliases]

    @property
    def manifest(self) -> str:
        return str(self.folder / MANIFEST)

    def typed(self) -> Config:
        return self.config if isinstance(self.config, Config) else self.config()

    def settings(self) -> dict[str, Any]:
        """The config of the stage as plain values, runtime settings included."""
        return self.typed().model_dump(mode="json", exclude=set(self.left_out))


@dataclass(frozen=True, eq=False)
class PlannedJob:
    """What Snakemake runs at once: one run, or all runs of a cell in one process."""

    stage: str
    key: str
    """The wildcard by which Snakemake knows it: unique, and the same wherever its runs are the same."""
    name: str
    """What people call it."""
    runs: tuple[PlannedRun, ...]
    target: Path
    """The file that Snakemake waits for."""
    gpus: int | None = None
    """GPUs that its entry asks for; None: what the stage's jobs get."""
    aliases: list[str] = field(default_factory=list)
    """As those of a run."""

    @property
    def done(self) -> bool:
        return all(run.done for run in self.runs)

    @property
    def names(self) -> list[str]:
        """Its name and its aliases."""
        return [self.name, *self.aliases]

    def is_called(self, pattern: str) -> bool:
        """Whether a name of it or of one of its runs matches the pattern (* is a wildcard)."""
        names = {*self.names, *(name for run in self.runs for name in run.names)}
        return any(fnmatch(name, pattern) for name in names)


@dataclass(frozen=True)
class Plan:
    """Every run and every job of a recipe, parents before children."""

    recipe: Recipe
    name: str
    """What the recipe and its report are called: the name of the recipe's file."""
    store: Store
    runs: Mapping[tuple[str, str], PlannedRun]
    """(stage, id) → run."""
    jobs: tuple[PlannedJob, ...]

    def of(self, stage: str) -> list[PlannedRun]:
        """The runs of a stage."""
        return self._by_stage.get(stage, [])

    def job(self, stage: str, key: str) -> PlannedJob:
        """The job that Snakemake knows by this wildcard; UserError if the recipe asks for none."""
        try:
            return self._jobs[stage, key]
        except KeyError:
            raise UserError(f"{stage} {key}: the recipe asks for no such run (`snakelm plan` lists them)") from None

    def targets(self, only: object = None) -> list[str]:
        """What `all` asks for: everything a user keeps, or only the runs that match `stage:name` (* is a wildcard)."""
        if only == FINISHED:
            return [run.manifest for run in self.of("report")]
        if only is not None:
            return [str(job.target) for job in self.matching(str(only))]
        reports = self.of("report")
        if reports and not reports[0].done:  # everything else is a parent of it
            return [reports[0].manifest]
        wanted = ("save_tokenizer", "pretrain", "evaluate")
        missing = [run for stage in wanted for run in self.of(stage) if run.is_wanted and not run.done]
        return [run.manifest for run in [*reports, *missing]]

    def matching(self, only: str) -> list[PlannedJob]:
        """The jobs that `stage:name` names; UserError if there are none."""
        stage, _, pattern = only.partition(":")
        if stage not in STAGES:
            raise UserError(f"only={only}: no stage {stage}; write <stage>:<name> with one of {', '.join(STAGES)}")
        found = [job for job in self.jobs if job.stage == stage and job.is_called(pattern or "*")]
        if not found:
            names = sorted({name for run in self.of(stage) for name in run.names})
            raise UserError(f"only={only}: the recipe has no such run; {stage} has {', '.join(names[:20]) or 'none'}")
        return found

    def inputs(self, job: PlannedJob) -> list[str]:
        """The files of the parents' jobs; of a complete job those that exist, or its parents would be made again."""
        parents: Iterable[PlannedRun] = (parent for run in job.runs for parent in run.parents.values())
        if job.stage == "report":
            parents = self._without_what_others_ask_for(list(parents))
        files = list(dict.fromkeys(str(self.job_of[parent].target) for parent in parents))
        return [file for file in files if os.path.exists(file)] if job.done else files

    def _without_what_others_ask_for(self, parents: list[PlannedRun]) -> Iterator[PlannedRun]:
        """Fine-tunings are asked for by their evaluations; thousands of inputs named twice cost Snakemake seconds."""
        asked = {run for parent in parents if not parent.done for run in parent.parents.values()}
        for run in parents:
            if not STAGES[run.stage].by_cell or not (run.done or run in asked):
                yield run

    @cached_property
    def _by_stage(self) -> dict[str, list[PlannedRun]]:
        found: dict[str, list[PlannedRun]] = {}
        for run in self.runs.values():
            found.setdefault(run.stage, []).append(run)
        return found

    @cached_property
    def _jobs(self) -> dict[tuple[str, str], PlannedJob]:
        return {(job.stage, job.key): job for job in self.jobs}

    @cached_property
    def job_of(self) -> dict[PlannedRun, PlannedJob]:
        found: dict[PlannedRun, PlannedJob] = {}
        for job in self.jobs:
            for run in job.runs:
                found.setdefault(run, job)
        return found
