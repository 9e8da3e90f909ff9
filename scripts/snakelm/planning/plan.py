"""The plan: a recipe's entries as runs with ids, parents and states. Imports neither torch nor transformers.

Entries become runs stage by stage, so a parent's id is known before its child's. A child's id is made of the
*canonical* ids of its parents: a finished run whose content equals that of an earlier one says so in its
manifest (`same_as`), and children see the earlier id. That is how a source that changed in bytes, but not in its
cleaned text, leaves everything below it as it is.

A finished run is found by its id alone: renaming an entry of the recipe trains nothing again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any

from snakelm.core.config import Config
from snakelm.core.errors import UserError
from snakelm.finetune.config import FinetuneConfig
from snakelm.recipe.schema import ExperimentConfig, ModelEntry, Recipe
from snakelm.runs.fingerprints import fingerprint, fingerprint_outside
from snakelm.runs.identity import CodeDigests, FileDigests, config_key, digest, run_id
from snakelm.runs.store import MANIFEST, STAGES, Store, read_manifest
from snakelm.tasks.baselines import BASELINES
from snakelm.tasks.config import TaskConfig, learning_curve

# Stages whose runs have children that cost something: there an equal content is worth looking for.
SHARED_STAGES = frozenset({"fetch_corpus", "train_tokenizer", "save_tokenizer", "encode_corpus", "pretrain"})
_NOT_ASKED = "the recipe asks for no such run (`make plan` shows those it does)"
SECTION_OF = {"fetch_corpus": "corpora", "train_tokenizer": "tokenizers", "pretrain": "models"}


@dataclass(eq=False)
class Run:
    """One stage carried out for one entry."""

    stage: str
    name: str
    id: str
    folder: Path
    parents: dict[str, Run]
    sources: dict[str, Any]
    identity: dict[str, Any]
    explicit: dict[str, Any]
    key: str
    config: Any
    """The typed config, or a function that makes it (thousands of fine-tunings need none to be planned)."""
    done: bool
    kept: bool = False
    """Made by other code, and accepted because the recipe says `on_code_change: keep`."""

    @cached_property
    def canonical(self) -> str:
        """The id that children see: that of the earliest run with the same content."""
        if self.done and self.stage in SHARED_STAGES:
            return str(_manifest(self.folder).get("same_as") or self.id)
        return self.id

    @property
    def manifest(self) -> str:
        return str(self.folder / MANIFEST)

    @property
    def is_kept(self) -> bool:
        """Whether a user wants it for itself; a trunk is made for the models that go on from it."""
        return self.identity.get("schedule") != "trunk"

    def typed(self) -> Config:
        return self.config() if callable(self.config) else self.config  # type: ignore[no-any-return]


@dataclass(eq=False)
class Cell:
    """The fine-tunings of one model, task and init, over its seeds: one job, one process, one run per seed."""

    name: str
    of: tuple[str, TaskConfig, str]
    """Model, task and init."""
    runs: list[Run] = field(default_factory=list)
    folder: Path = Path()

    @property
    def done(self) -> bool:
        return all(run.done for run in self.runs)


class Plan:
    """Every run that a recipe asks for.

    Raises UserError where a local source cannot be read. Cost: about 0.1 ms a run beyond reading the recipe.
    """

    def __init__(self, recipe: Recipe, store: Store | None = None, recipe_name: str = "report"):
        self.recipe, self.store, self.recipe_name = recipe, store or Store(), recipe_name
        self.runs: dict[tuple[str, str], Run] = {}
        self.cells: dict[str, Cell] = {}
        self._folders: dict[tuple[str, str], Run] = {}
        self._existing: dict[str, dict[str, str]] = {}
        self._keys: dict[str, dict[str, str]] = {}
        self._code = CodeDigests(cache=self.store.cache / "code.json")
        self._files = FileDigests(cache=self.store.cache / "files.json")
        self._sources: dict[int, dict[str, Any]] = {}
        self._curves: dict[str, dict[str, TaskConfig]] = {}
        self._problems: list[str] = []
        self._build()
        if self._problems:
            raise UserError(*self._problems)
        self._code.save()
        self._files.save()

    # --- what the rules ask ---

    def run_at(self, stage: str, folder: str) -> Run:
        """The run with this folder name (`<name>-<id>`); UserError if the recipe asks for none."""
        try:
            return self._folders[stage, folder]
        except KeyError:
            raise UserError(f"{stage} {folder}: {_NOT_ASKED}") from None

    def jobs(self) -> Iterator[tuple[str, str, list[Run]]]:
        """(stage, job name, its runs) for every Snakemake job, parents first."""
        for stage in STAGES:
            if stage == "finetune":
                for job, cell in self.cells_by_job.items():
                    yield stage, job, cell.runs
            else:
                for run in self.of(stage):
                    yield stage, run.folder.name, [run]

    def code(self, stage: str) -> str:
        """The digest of the stage's code."""
        return self._code.stage(stage)

    def of(self, stage: str) -> list[Run]:
        return [run for run in self.runs.values() if run.stage == stage]

    def targets(self, only: Any = None) -> list[str]:
        """What `all` asks for: everything a user keeps, or only the runs that match `stage:name` (* is a wildcard)."""
        if only is None:
            reports = self.of("report")
            if reports and not reports[0].done:  # everything else is a parent of it
                return [reports[0].manifest]
            wanted = ("save_tokenizer", "pretrain", "evaluate")
            missing = [run for stage in wanted for run in self.of(stage) if run.is_kept and not run.done]
            return [run.manifest for run in [*reports, *missing]]
        stage, _, pattern = str(only).partition(":")
        if stage not in STAGES:
            raise UserError(f"only={only}: no stage {stage}; write <stage>:<name> with one of {', '.join(STAGES)}")
        found = []
        for job_stage, job, runs in self.jobs():
            if job_stage == stage and any(fnmatch(name, pattern or "*") for name in self._names(job, runs)):
                found.append(self.target(stage, job))
        if not found:
            names = sorted({run.name for run in self.of(stage)})
            raise UserError(f"only={only}: the recipe has no such run; {stage} has {', '.join(names[:20]) or 'none'}")
        return found

    def target(self, stage: str, job: str) -> str:
        """The file that Snakemake waits for."""
        if stage == "finetune":
            return str(self.store.cell(job))
        return str(self.store.root / stage / job / MANIFEST)

    def whereabouts(self) -> str:
        """Where the report, the models and the tokenizers of this recipe are, for people."""
        lines = []
        if any(os.path.exists(run.manifest) for run in self.of("report")):
            lines += [f"report      {self.store.root}/report.html", f"metrics     {self.store.root}/metrics.tsv"]
        for stage, label in (("pretrain", "model"), ("save_tokenizer", "tokenizer")):
            for run in filter(lambda run: run.is_kept, self.of(stage)):
                state = "" if os.path.exists(run.manifest) else "  (not made yet)"
                lines.append(f"{label:<11} {self.store.root}/latest/{stage}/{run.name}{state}")
        if tuned := self.of("finetune"):
            lines.append(f"fine-tuned  {self.store.root}/latest/finetune/  ({len(tuned)} models)")
        if left := sum(not os.path.exists(run.manifest) for run in self.runs.values()):
            lines.append(f"left to do  {left} runs; `make plan` shows them")
        return "\n".join(lines)

    def inputs(self, stage: str, job: str) -> list[str]:
        """The files of the parents' jobs; of a complete run those that exist, or its parents would be made again."""
        if stage == "finetune" and job not in self.cells_by_job:
            raise UserError(f"{stage} {job}: {_NOT_ASKED}")
        runs = self.cells_by_job[job].runs if stage == "finetune" else [self.run_at(stage, job)]
        parents = [parent for run in runs for parent in run.parents.values()]
        if stage == "report":
            # Fine-tunings are asked for by their evaluations; thousands of inputs named twice cost Snakemake seconds.
            asked = {id(run) for parent in parents if not parent.done for run in parent.parents.values()}
            parents = [run for run in parents if run.stage != "finetune" or not (run.done or id(run) in asked)]
        files = parent_files(self.store, ((run.stage, run.folder.name) for run in parents), self.cell_of)
        return [file for file in files if os.path.exists(file)] if all(run.done for run in runs) else files

    @cached_property
    def cells_by_job(self) -> dict[str, Cell]:
        return {cell.folder.stem: cell for cell in self.cells.values()}

    @cached_property
    def cell_of(self) -> dict[str, str]:
        """Folder name of a fine-tuning → the job of its cell."""
        return {run.folder.name: cell.folder.stem for cell in self.cells.values() for run in cell.runs}

    def _names(self, job: str, runs: list[Run]) -> set[str]:
        return {run.name for run in runs} | {job.rpartition("-")[0]}

    # --- building ---

    def _build(self) -> None:
        recipe = self.recipe
        corpora = {name: self._add("fetch_corpus", name, config, {}) for name, config in recipe.corpora.items()}
        tokenizers = {}
        for name, entry in recipe.tokenizers.items():
            corpus = {"corpus": corpora[entry.corpus]} if entry.corpus else {}
            trained = self._add("train_tokenizer", name, entry, corpus, leave_out=("save",))
            tokenizers[name] = self._add("save_tokenizer", name, entry.save, {"trained": trained, **corpus})
        models: dict[str, Run] = {}
        for name, model in recipe.models.items():
            parents = {"corpus": corpora[model.corpus], "tokenizer": tokenizers[model.tokenizer]}
            encoded = self._add("encode_corpus", f"{model.corpus}.{model.tokenizer}", model.encode, parents)
            parents = {"encoded": encoded, "tokenizer": tokenizers[model.tokenizer]}
            # Models that differ in their budgets share the stable part of their training, a chain of runs.
            for segment in model.trunk():
                trunk = self._add("pretrain", f"{name}.trunk-{segment.steps}", segment, parents, leave_out=("encode",))
                parents = {**parents, "trunk": trunk}
            models[name] = self._add("pretrain", name, model, parents, leave_out=("encode",))
        evaluations = {}
        jobs: dict[str, Path] = {}
        for experiment in recipe.experiments:
            for cell in self._cells(experiment, corpora, tokenizers, models):
                self.cells[cell.name] = cell
        for cell in self.cells.values():
            members = digest(sorted(run.id for run in cell.runs))[:12]
            # Entries that mean the same share their runs, and so the job that makes them.
            cell.folder = jobs.setdefault(members, self.store.cell(f"{cell.name}-{members}"))
            parents = {f"seed-{run.identity['seed']}": run for run in cell.runs}
            evaluations[cell.name] = self._add("evaluate", cell.name, recipe.evaluate, parents)
        self._report(corpora, tokenizers, models, evaluations)

    def _cells(
        self,
        experiment: ExperimentConfig,
        corpora: dict[str, Run],
        tokenizers: dict[str, Run],
        models: dict[str, Run],
    ) -> Iterator[Cell]:
        for model_name in experiment.models:
            model = self.recipe.models[model_name]
            for task_name, task in self._tasks(experiment):
                corpus = {"corpus": corpora[task.corpus]} if task.corpus else {}
                for init in experiment.init:
                    name = f"{model_name}.{task_name}.{_label(init)}"
                    of = (model_name, task, init)
                    cell = self.cells.get(name) or Cell(name, of)
                    if cell.of != of:
                        pair = f"model {cell.of[0]} from {cell.of[2]}, and model {model_name} from {init}"
                        self._problems.append(
                            f"experiments: two different fine-tunings ({pair}) would be called {name}; rename a model, "
                            "a task or a folder"
                        )
                    known = {run.id for run in cell.runs}
                    for seed in experiment.seeds:
                        run = self._finetune(
                            f"{name}.s{seed}",
                            model,
                            task,
                            init,
                            seed,
                            {
                                **(
                                    {"pretrained": models[model_name]}
                                    if init == "pretrained"
                                    else {"tokenizer": tokenizers[model.tokenizer]}
                                    if init == "random"
                                    else {}
                                ),
                                **corpus,
                            },
                        )
                        if run.id not in known:
                            cell.runs.append(run)
                    yield cell

    def _tasks(self, experiment: ExperimentConfig) -> Iterator[tuple[str, TaskConfig]]:
        """The experiment's tasks; one with several training sizes is one task for each."""
        for name in experiment.task_names:
            if name not in self._curves:
                self._curves[name] = learning_curve(name, self.recipe.tasks[name])
            yield from self._curves[name].items()

    def _finetune(
        self, name: str, model: ModelEntry, task: TaskConfig, init: str, seed: int, parents: dict[str, Run]
    ) -> Run:
        architecture = model.architecture_config() if init == "random" else None
        baseline = init if init in BASELINES else None
        init = "pretrained" if baseline else init

        def config() -> FinetuneConfig:
            return FinetuneConfig(task=task, init=init, baseline=baseline, seed=seed, architecture=architecture)

        parts = {"init": init, "baseline": baseline, "seed": seed}
        identity = {**parts, "task": self._identity(task), "architecture": architecture and architecture.identity()}
        explicit = {**parts, "task": self._explicit(task), "architecture": architecture and architecture.explicit()}
        sources = {**self._sources_of(task, f"tasks.{name.split('.')[1]}"), **fingerprint_outside(init, self._files)}
        return self._make("finetune", name, identity, explicit, parents, sources, config)

    def _report(
        self, corpora: dict[str, Run], tokenizers: dict[str, Run], models: dict[str, Run], evaluations: dict[str, Run]
    ) -> None:
        parents = {
            **{f"corpus:{name}": run for name, run in corpora.items()},
            **{f"tokenizer:{name}": run for name, run in tokenizers.items()},
            **{f"pretrain:{name}": run for name, run in models.items()},
            **{f"finetune:{run.name}": run for cell in self.cells.values() for run in cell.runs},
            **{f"evaluate:{name}": run for name, run in evaluations.items()},
        }
        if parents:
            self._add("report", self.recipe_name, self.recipe.report, parents)

    def _add(self, stage: str, name: str, config: Any, parents: dict[str, Run], leave_out: tuple[str, ...] = ()) -> Run:
        """A run whose config is an entry as it stands, but for the keys that belong to another stage."""
        identity = {key: value for key, value in config.identity().items() if key not in leave_out}
        explicit = {key: value for key, value in config.explicit().items() if key not in leave_out}
        return self._make(
            stage,
            name,
            identity,
            explicit,
            parents,
            self._sources_of(config, f"{SECTION_OF.get(stage, stage)}.{name}"),
            config,
        )

    def _make(
        self,
        stage: str,
        name: str,
        identity: dict[str, Any],
        explicit: dict[str, Any],
        parents: dict[str, Run],
        sources: dict[str, Any],
        config: Any,
    ) -> Run:
        parent_ids = {role: parent.canonical for role, parent in parents.items()}
        made_id = run_id(stage, identity, parent_ids, sources, self._code.stage(stage))
        key = config_key(stage, explicit, parent_ids, sources)
        existing = self._existing_runs(stage)
        kept = False
        if made_id not in existing and self.recipe.on_code_change == "keep":
            other = self._by_key(stage).get(key)
            kept, made_id = other is not None, other or made_id
        if (stage, made_id) in self.runs:
            return self.runs[stage, made_id]
        folder = existing.get(made_id)
        path = self.store.root / stage / folder if folder else self.store.folder(stage, name, made_id)
        run = Run(stage, name, made_id, path, parents, sources, identity, explicit, key, config, bool(folder), kept)
        self.runs[stage, made_id] = run
        self._folders[stage, path.name] = run
        return run

    def _existing_runs(self, stage: str) -> dict[str, str]:
        if stage not in self._existing:
            self._existing[stage] = self.store.existing(stage)
        return self._existing[stage]

    def _by_key(self, stage: str) -> dict[str, str]:
        """config key → id of the newest run that has it, whatever code made it."""
        if stage not in self._keys:
            found: dict[str, tuple[str, str]] = {}
            for existing_id, folder in self._existing_runs(stage).items():
                manifest = _manifest(self.store.root / stage / folder)
                finished = str(manifest.get("circumstance", {}).get("finished", ""))
                key = str(manifest.get("key"))
                found[key] = max(found.get(key, ("", "")), (finished, existing_id))
            self._keys[stage] = {key: existing_id for key, (_, existing_id) in found.items()}
        return self._keys[stage]

    def _identity(self, config: Config) -> dict[str, Any]:
        return self._remember(config, "identity", config.identity)

    def _explicit(self, config: Config) -> dict[str, Any]:
        return self._remember(config, "explicit", config.explicit)

    def _sources_of(self, config: Config, where: str) -> dict[str, Any]:
        """Fingerprints of everything outside the recipe that an entry reads; what is missing is said at the end."""

        def make() -> dict[str, Any]:
            try:
                return fingerprint(config, self._files, self._code)
            except UserError as error:
                self._problems += [f"{where}: {line}" for line in error.lines]
                return {}

        return self._remember(config, "sources", make)

    def _remember(self, config: Config, what: str, make: Any) -> dict[str, Any]:
        known = self._sources.setdefault(id(config), {"config": config})  # holds it, or its id() could be reused
        if what not in known:
            known[what] = make()
        return known[what]  # type: ignore[no-any-return]


def parent_files(store: Store, parents: Iterable[tuple[str, str]], cell_of: dict[str, str]) -> list[str]:
    """The files that the parents' jobs make, each once. A fine-tuning's file is its cell's."""
    found: dict[str, None] = {}
    for stage, folder in parents:
        if stage == "finetune":
            found[str(store.cell(cell_of[folder]))] = None
        else:
            found[os.path.join(store.root, stage, folder, MANIFEST)] = None
    return list(found)


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        return read_manifest(folder)
    except (OSError, ValueError):
        raise UserError(
            f"{folder / MANIFEST}: cannot be read; restore it, or remove the folder to make the run again"
        ) from None


def _label(init: str) -> str:
    """How an init shows in a run's name; folders and Hub names become safe file names."""
    return "".join(letter if letter.isalnum() or letter in "_-" else "_" for letter in init.strip("/"))
