"""From a recipe to its plan.

Entries become runs stage by stage, so a parent's id is known before its child's. A child's id is made of the
*canonical* ids of its parents: a finished run whose content equals that of an earlier one says so in its
manifest (`same_as`), and children see the earlier id. That is how a source that changed in bytes, but not in its
cleaned text, leaves everything below it as it is.

A finished run is found by its id alone: renaming an entry of the recipe trains nothing again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from snakelm.core.config import CONTENT, Config
from snakelm.core.errors import UserError
from snakelm.finetune.config import FinetuneConfig, identity_of_baseline
from snakelm.planning.catalogue import Catalogue
from snakelm.planning.plan import Plan, PlannedJob, PlannedRun
from snakelm.pretrain.config import ENTRY
from snakelm.recipe.schema import ExperimentConfig, ModelEntry, Recipe
from snakelm.report.config import AbsentCell, ReportRunConfig
from snakelm.runs import libraries
from snakelm.runs.code import CodeDigests
from snakelm.runs.digests import FileDigests, digest
from snakelm.runs.fingerprints import Fingerprints
from snakelm.runs.identity import ID_LENGTH, components, config_key, folder_name, run_id
from snakelm.runs.records import Subject
from snakelm.runs.stages import STAGES
from snakelm.runs.store import Store
from snakelm.tasks.config import TaskConfig, baseline_names, learning_curve

Parents = dict[str, PlannedRun]
LONGEST_LABEL = 40  # with names of a model and a task, 80 letters each, a file name may have 255


Inspect = Callable[[Plan, Collection[str]], list[str]]
"""What looks at the data of a plan: (plan, key paths of entries with problems) → a line for each further problem."""


def make_plan(
    recipe: Recipe,
    store: Store | None = None,
    name: str = "report",
    only_finished: bool = False,
    inspect: Inspect | None = None,
) -> Plan:
    """Every run that a recipe asks for; `name` is what its report is called.

    only_finished: whether the report leaves out what is not finished; it is then called `<name>.partial`, and has
    another id. Where nothing is missing it is the report itself.

    inspect: looks at the data (`inspection.Inspection`); by default nothing does.

    Raises UserError where a local source cannot be read, and with what `inspect` finds. Cost: about 0.1 ms a run beyond
    reading the recipe.
    """
    return _Planner(recipe, store or Store(), only_finished).plan(name, inspect)


class _Parts(NamedTuple):
    """What is asked of one config for each of thousands of runs, and is the same for all."""

    identity: dict[str, Any]
    explicit: dict[str, Any]
    sources: dict[str, Any]
    components: tuple[str, ...]
    written: dict[str, Any]
    """What the recipe says in so many words, and all else that is not a default."""


class _Task(NamedTuple):
    """A task as it is learnt: one with several training sizes is one task for each."""

    name: str
    config: TaskConfig
    swept: dict[str, Any]


@dataclass(eq=False)
class _Cell:
    """The fine-tunings of one model, task and start, over its seeds: one job, one process, one run per seed."""

    name: str
    model: str
    task: _Task
    init: str
    runs: dict[int, PlannedRun] = field(default_factory=dict)
    """Seed → run."""


class _Planner:
    def __init__(self, recipe: Recipe, store: Store, only_finished: bool = False):
        self.recipe, self.store, self.only_finished = recipe, store, only_finished
        self.catalogue = Catalogue(store)
        self.code = CodeDigests(cache=store.cache / "code.json")
        self.files = FileDigests(cache=store.cache / "files.json")
        self.fingerprints = Fingerprints(self.files, self.code)
        self.baselines = frozenset(baseline_names())
        self.runs: dict[tuple[str, str], PlannedRun] = {}
        self.jobs: dict[tuple[str, str], PlannedJob] = {}
        self.problems: list[str] = []
        self.broken: set[str] = set()
        """Key paths of the entries whose sources cannot be read."""
        self.cells: dict[str, _Cell] = {}
        self.corpora: Parents = {}
        self.tokenizers: Parents = {}
        self.models: Parents = {}
        self._parts: dict[int, tuple[Config, _Parts]] = {}
        self._inits: dict[str, tuple[Any, dict[str, Any]]] = {}
        self._baseline_parts: dict[tuple[int, str], _Parts] = {}
        self._curves: dict[str, list[_Task]] = {}

    def plan(self, name: str, inspect: Inspect | None) -> Plan:
        self._corpora_and_tokenizers()
        self._pretrainings()
        for experiment in self.recipe.experiments:
            self._fine_tunings(experiment)
        self._report(name, self._evaluations())
        order = {stage: place for place, stage in enumerate(STAGES)}
        jobs = sorted(self.jobs.values(), key=lambda job: order[job.stage])
        plan = Plan(self.recipe, name, self.store, self.runs, tuple(jobs))
        if inspect is not None:
            self.problems += inspect(plan, self.broken)
        if self.problems:
            raise UserError(*self.problems)
        self.code.save()
        self.files.save()
        return plan

    # --- the stages ---

    def _corpora_and_tokenizers(self) -> None:
        for name, corpus in self.recipe.corpora.items():
            subject = self._subject(corpus=name)
            self.corpora[name] = self._add("fetch_corpus", name, corpus, {}, subject, f"corpora.{name}")
        for name, entry in self.recipe.tokenizers.items():
            parents = {"corpus": self.corpora[entry.corpus]} if entry.corpus else {}
            subject, where = self._subject(tokenizer=name, corpus=entry.corpus or ""), f"tokenizers.{name}"
            trained = self._add("train_tokenizer", name, entry, parents, subject, where, leave_out={"save"})
            saved = {"trained": trained, **parents}
            self.tokenizers[name] = self._add("save_tokenizer", name, entry.save, saved, subject, where)

    def _pretrainings(self) -> None:
        for name in self.recipe.models:
            self._pretraining(name)
        self.models = {name: self.models[name] for name in self.recipe.models}

    def _pretraining(self, name: str) -> PlannedRun:
        """The run of a model, after that of the one it goes on from."""
        if name in self.models:
            return self.models[name]
        model = self.recipe.models[name]
        tokenizer, where = self.tokenizers[model.tokenizer], f"models.{name}"
        parents = {"corpus": self.corpora[model.corpus], "tokenizer": tokenizer}
        of_text = self._subject(corpus=model.corpus, tokenizer=model.tokenizer)
        label = f"{model.corpus}.{model.tokenizer}"
        encoded = self._add("encode_corpus", label, model.encode, parents, of_text, where)
        parents = {"encoded": encoded, "tokenizer": tokenizer}
        if (start := self.recipe.start_of(name)) is not None:
            parents["init"] = self._pretraining(start)
            model = model.model_copy(update={"init": ENTRY})
        subject = self._subject(model=name, corpus=model.corpus, tokenizer=model.tokenizer)
        # Models that differ in their budgets share the stable part of their training, a chain of runs.
        for segment in model.trunk():
            label = f"{name}.trunk-{segment.steps}"
            trunk = self._add(
                "pretrain", label, segment, parents, subject, where, leave_out={"encode"}, is_wanted=False
            )
            parents = {**parents, "trunk": trunk}
        self.models[name] = self._add("pretrain", name, model, parents, subject, where, leave_out={"encode"})
        return self.models[name]

    def _fine_tunings(self, experiment: ExperimentConfig) -> None:
        for model in experiment.models:
            for task in self._tasks(experiment):
                for init in experiment.starts:
                    cell = self._cell(model, task, init)
                    for seed in experiment.seeds:
                        if seed not in cell.runs:
                            is_baseline = init in self.baselines
                            cell.runs[seed] = self._baseline(cell) if is_baseline else self._fine_tuning(cell, seed)

    def _cell(self, model: str, task: _Task, init: str) -> _Cell:
        name = f"{model}.{task.name}.{_label(init)}"
        cell = self.cells.setdefault(name, _Cell(name, model, task, init))
        if (cell.model, cell.task.config, cell.init) != (model, task.config, init):
            pair = f"model {cell.model} from {cell.init}, and model {model} from {init}"
            self.problems.append(
                f"experiments: two different fine-tunings ({pair}) would be called {name}; rename a model, a task or a "
                "folder"
            )
        return cell

    def _tasks(self, experiment: ExperimentConfig) -> Iterator[_Task]:
        for name in experiment.task_names:
            if name not in self._curves:
                config, swept = self.recipe.tasks[name], self.recipe.swept("tasks", name)
                self._curves[name] = [
                    _Task(label, one, swept if one is config else {**swept, "max_train_rows": one.max_train_rows})
                    for label, one in learning_curve(name, config).items()
                ]
            yield from self._curves[name]

    def _fine_tuning(self, cell: _Cell, seed: int) -> PlannedRun:
        model, task, init = self.recipe.models[cell.model], cell.task.config, cell.init
        architecture = model.architecture_config() if init == "random" else None
        of_task = self._parts_of(task, f"tasks.{cell.task.name}")
        known_as, sources = self._outside(init)
        own = {"init": known_as, "baseline": None, "seed": seed}
        parts = _Parts(
            {**own, "task": of_task.identity, "architecture": architecture and architecture.identity()},
            {**own, "task": of_task.explicit, "architecture": architecture and architecture.explicit()},
            {**of_task.sources, **sources} if sources else of_task.sources,
            of_task.components,
            {**own, "task": of_task.written, "architecture": architecture and architecture.written()},
        )

        def config() -> FinetuneConfig:
            return FinetuneConfig(task=task, init=init, seed=seed, architecture=architecture)

        subject = replace(self._subject_of(cell), seed=seed)
        return self._make(
            "finetune", f"{cell.name}.s{seed}", parts, self._starting_points(cell, model), subject, config
        )

    def _outside(self, init: str) -> tuple[Any, dict[str, Any]]:
        """(what an init enters an id as, the files that it stands for)."""
        if init not in self._inits:
            found = self.fingerprints.anew()
            folder = found.folder(init)
            self._inits[init] = (init if folder is None else {CONTENT: folder}, found.sources)
        return self._inits[init]

    def _baseline(self, cell: _Cell) -> PlannedRun:
        """One run for all models and seeds, and for all values of the keys that it does not use."""
        task, baseline = cell.task.config, cell.init
        if (id(task), baseline) not in self._baseline_parts:
            of_task = self._parts_of(task, f"tasks.{cell.task.name}")
            self._baseline_parts[id(task), baseline] = of_task._replace(
                identity=identity_of_baseline(baseline, task, of_task.identity),
                explicit=identity_of_baseline(baseline, task, of_task.explicit),
                written=identity_of_baseline(baseline, task, of_task.written),
            )

        def config() -> FinetuneConfig:
            return FinetuneConfig(task=task.as_seen_by(baseline), baseline=baseline)

        parts, parents = (
            self._baseline_parts[id(task), baseline],
            self._starting_points(cell, self.recipe.models[cell.model]),
        )
        return self._make("finetune", cell.name, parts, parents, self._subject_of(cell), config)

    def _starting_points(self, cell: _Cell, model: ModelEntry) -> Parents:
        """What a fine-tuning is made of besides its task."""
        parents: Parents = {}
        if cell.init == "pretrained":
            parents["pretrained"] = self.models[cell.model]
        elif cell.init == "random":
            parents["tokenizer"] = self.tokenizers[model.tokenizer]
        if corpus := cell.task.config.corpus:
            parents["corpus"] = self.corpora[corpus]
        return parents

    def _evaluations(self) -> Parents:
        found = {}
        for cell in self.cells.values():
            runs = tuple(dict.fromkeys(cell.runs.values()))
            members = digest(sorted(run.id for run in runs))[:ID_LENGTH]
            # Entries that mean the same share their runs, and so the job that makes them.
            if (known := self.jobs.get(("finetune", members))) is not None:
                _also(known, cell.name)
            else:
                key = folder_name(cell.name, members)
                target = self.store.target("finetune", key)
                gpus = cell.task.config.gpus
                self.jobs["finetune", members] = PlannedJob("finetune", key, cell.name, runs, target, gpus)
            parents = {f"seed-{seed}": run for seed, run in cell.runs.items()}
            parts = self._parts_of(self.recipe.evaluate, "evaluate")
            parts = parts._replace(components=self._parts_of(cell.task.config, "").components)
            subject = self._subject_of(cell)
            roles = {f"seed-{seed}": replace(subject, seed=seed) for seed in cell.runs}
            found[cell.name] = self._make(
                "evaluate", cell.name, parts, parents, subject, self.recipe.evaluate, roles=roles
            )
        return found

    def _report(self, name: str, evaluations: Parents) -> None:
        parents: Parents = {}
        roles: dict[str, Subject] = {}

        left_out: set[PlannedRun] = set()
        absent: list[AbsentCell] = []
        failed = {(failure.stage, failure.job) for failure in self.store.failures()} if self.only_finished else set()

        def add(kind: str, entry: str, run: PlannedRun, subject: Subject) -> None:
            if self.only_finished and not run.done:
                left_out.add(run)
                return
            parents[f"{kind}:{entry}"], roles[f"{kind}:{entry}"] = run, subject

        for entry, run in self.corpora.items():
            add("corpus", entry, run, self._subject(corpus=entry))
        for entry, run in self.tokenizers.items():
            add("tokenizer", entry, run, self._subject(tokenizer=entry))
        for entry, run in self.models.items():
            model = self.recipe.models[entry]
            add("pretrain", entry, run, self._subject(model=entry, corpus=model.corpus, tokenizer=model.tokenizer))
        for cell in self.cells.values():
            subject = self._subject_of(cell)
            if self.only_finished and not evaluations[cell.name].done:
                left_out.add(evaluations[cell.name])
                absent.append(
                    AbsentCell(
                        model=cell.model,
                        task=cell.task.name,
                        init=cell.init,
                        swept=subject.swept,
                        failed=self._needs(evaluations[cell.name], failed),
                    )
                )
                continue  # a cell with a seed missing has no scores
            for seed, run in cell.runs.items():
                add("finetune", f"{cell.name}.s{seed}", run, replace(subject, seed=seed))
            add("evaluate", cell.name, evaluations[cell.name], subject)
        if parents:
            config = ReportRunConfig(**self.recipe.report.__dict__, absent=absent)

            def told() -> ReportRunConfig:
                """With what enters no id, and takes time to write out."""
                return config.model_copy(update={"command": self.recipe.command, "recipe": self.recipe.text})

            self._make(
                "report",
                f"{name}.partial" if left_out else name,
                self._parts_of(config, "report"),
                parents,
                Subject(),
                told,
                roles=roles,
            )

    def _needs(self, run: PlannedRun, jobs: set[tuple[str, str]]) -> bool:
        """Whether one of these jobs (stage and wildcard) makes the run or what it is made of."""
        key = run.stage, run.folder.name
        if STAGES[run.stage].by_cell:
            key = run.stage, next(job.key for job in self.jobs.values() if run in job.runs)
        return key in jobs or any(self._needs(parent, jobs) for parent in run.parents.values() if not parent.done)

    # --- subjects ---

    def _subject(self, **names: Any) -> Subject:
        """The subject that names these entries (corpus, tokenizer, model, task), with what sweeps set in them."""
        sections = {"corpus": "corpora", "tokenizer": "tokenizers", "model": "models", "task": "tasks"}
        swept = {sections[kind]: self.recipe.swept(sections[kind], name) for kind, name in names.items() if name}
        return Subject(**names, swept={section: keys for section, keys in swept.items() if keys})

    def _subject_of(self, cell: _Cell) -> Subject:
        subject = self._subject(model=cell.model)
        swept = {**subject.swept, "tasks": cell.task.swept} if cell.task.swept else subject.swept
        return replace(subject, task=cell.task.name, init=cell.init, swept=swept)

    # --- making runs ---

    def _add(
        self,
        stage: str,
        name: str,
        config: Config,
        parents: Parents,
        subject: Subject,
        where: str,
        leave_out: set[str] | None = None,
        is_wanted: bool = True,
    ) -> PlannedRun:
        """A run whose config is an entry as it stands, but for the keys that belong to another stage."""
        parts, left_out = self._parts_of(config, where), frozenset(leave_out or ())
        if left_out:
            parts = parts._replace(
                identity={key: value for key, value in parts.identity.items() if key not in left_out},
                explicit={key: value for key, value in parts.explicit.items() if key not in left_out},
                written={key: value for key, value in parts.written.items() if key not in left_out},
            )
        return self._make(stage, name, parts, parents, subject, config, left_out, is_wanted)

    def _make(
        self,
        stage: str,
        name: str,
        parts: _Parts,
        parents: Parents,
        subject: Subject,
        config: Config | Callable[[], Config],
        left_out: frozenset[str] = frozenset(),
        is_wanted: bool = True,
        roles: dict[str, Subject] | None = None,
    ) -> PlannedRun:
        parent_ids = {role: parent.canonical for role, parent in parents.items()}
        code = self.code.stage(stage, parts.components)
        made_id = run_id(stage, parts.identity, parent_ids, code)
        key = config_key(stage, parent_ids)
        folder, kept = self.catalogue.folder(stage, made_id), False
        if folder is None and self.recipe.on_code_change == "keep":
            other = self.catalogue.id_of_equal(stage, key, parts.identity, parts.written)
            if other is not None:
                kept, made_id, folder = True, other, self.catalogue.folder(stage, other)
        versions: dict[str, str] = {}
        if folder is not None and self._is_outdated(folder):
            versions, kept = libraries.counting(stage, parts.identity), False
            made_id = run_id(stage, parts.identity, parent_ids, code, versions)
            folder = self.catalogue.folder(stage, made_id)
        if (known := self.runs.get((stage, made_id))) is not None:
            _also(known, name)
            return known
        canonical = made_id
        if folder is not None and STAGES[stage].compares_content:
            canonical = self.catalogue.manifest(folder).same_as or made_id
        run = PlannedRun(
            stage=stage,
            name=name,
            id=made_id,
            canonical=canonical,
            folder=folder or self.store.folder(stage, name, made_id),
            subject=subject,
            parents=parents,
            sources=parts.sources,
            identity=parts.identity,
            explicit=parts.explicit,
            key=key,
            code=code,
            versions=versions,
            components=parts.components,
            config=config,
            roles=roles or {},
            left_out=left_out,
            done=folder is not None,
            kept=kept,
            is_wanted=is_wanted,
        )
        self.runs[stage, made_id] = run
        if not STAGES[stage].by_cell:
            target = self.store.target(stage, run.folder.name)
            gpus = getattr(config, "gpus", None)
            self.jobs[stage, made_id] = PlannedJob(stage, run.folder.name, name, (run,), target, gpus)
        return run

    def _is_outdated(self, folder: Path) -> bool:
        """Whether libraries have changed since the run was made, and the recipe wants it made again for that."""
        return self.recipe.on_library_change == "rerun" and bool(libraries.changed(self.catalogue.manifest(folder)))

    def _parts_of(self, config: Config, where: str) -> _Parts:
        """What a config brings into an id; sources that are missing are said at the end, all together."""
        known = self._parts.get(id(config))
        if known is None:
            found: Fingerprints | None = self.fingerprints.anew()
            try:
                identity = config.identity(found)
            except UserError as error:
                self.problems += [f"{where}: {line}" for line in error.lines]
                self.broken.add(where)
                found, identity = None, {}
            sources = found.sources if found else {}
            parts = _Parts(identity, config.explicit(found), sources, components(config), config.written(found))
            known = self._parts[id(config)] = (config, parts)  # holds the config, or its id() could be reused
        return known[1]


def _also(known: PlannedRun | PlannedJob, name: str) -> None:
    """Note another name of what two entries share."""
    if name != known.name and name not in known.aliases:
        known.aliases.append(name)


def _label(init: str) -> str:
    """How an init shows in a run's name; folders and Hub names become safe file names."""
    label = "".join(letter if letter.isalnum() or letter in "_-" else "_" for letter in init.strip("/"))
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 9]}-{digest(init)[:8]}"
