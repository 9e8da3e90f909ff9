"""What a recipe may say: maps `corpora`, `tokenizers`, `models`, `tasks`, a list `experiments` that joins them, and a
few settings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, PrivateAttr, SerializeAsAny, StringConstraints, model_validator

from snakelm.core.config import Config, circumstance
from snakelm.core.errors import did_you_mean
from snakelm.encode_corpus.config import EncodeConfig
from snakelm.evaluate.config import EvaluateConfig
from snakelm.fetch_corpus.config import CorpusConfig
from snakelm.pretrain.config import ModelConfig
from snakelm.pretrain.objectives import objectives
from snakelm.recipe.command import as_yaml, command_of
from snakelm.report.config import ReportConfig
from snakelm.save_tokenizer.config import SaveConfig
from snakelm.tasks.config import TaskConfig, baseline_names, task_types
from snakelm.train_tokenizer.config import TokenizerConfig

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.=+-]*$", max_length=80)]


class TokenizerEntry(TokenizerConfig):
    """An entry under `tokenizers`."""

    save: SaveConfig = Field(SaveConfig(), description="How the trained tokenizer is saved.")


class ModelEntry(ModelConfig):
    """An entry under `models`."""

    encode: EncodeConfig = Field(EncodeConfig(), description="How the corpus becomes token ids.")


MODELS = objectives.extended(ModelEntry)


class ExperimentConfig(Config):
    """One entry of `experiments`: every model × task × init × seed is fine-tuned and evaluated."""

    model: Name | list[Name] = Field(..., description="Model entry, or a list of them.")
    tasks: Name | list[Name] = Field(..., description="Task entry, or a list of them.")
    seeds: list[Annotated[int, Field(ge=0, lt=2**31)]] = Field(
        [1, 2, 3], description="Seeds of the fine-tunings, one run each.", min_length=1
    )
    init: list[str] = Field(
        ["pretrained", "random"],
        description="What fine-tuning starts from: `pretrained` (the recipe's model), `random` (its untrained twin), "
        "or the folder or Hub name of an outside model.",
    )
    baselines: list[str] = Field(
        [],
        description="Baselines without a network: `majority` (the most frequent answer, or the mean), `tfidf` (TF-IDF "
        "with a linear model), or what a task type of your own has; one run of each serves all models and seeds.",
        examples=[["majority"]],
    )

    @model_validator(mode="after")
    def _distinct(self) -> ExperimentConfig:
        for key in ("seeds", "init", "baselines"):
            values = getattr(self, key)
            if len(set(values)) < len(values):
                raise ValueError(f"{key}: {values} names one twice; each is one run")
        if not self.starts:
            raise ValueError("init and baselines are both empty, so there is nothing to run; fill one")
        known = baseline_names()
        for init in self.init:
            if init in known:
                raise ValueError(f"init: {init} is a baseline; write baselines: [{init}]")
        for baseline in self.baselines:
            if baseline not in known:
                raise ValueError(f"baselines: unknown baseline {baseline!r}{did_you_mean(baseline, known)}")
        return self

    @property
    def starts(self) -> list[str]:
        """What is held against each other on a task: the inits and the baselines."""
        return [*self.init, *self.baselines]

    @property
    def models(self) -> list[str]:
        return [self.model] if isinstance(self.model, str) else self.model

    @property
    def task_names(self) -> list[str]:
        return [self.tasks] if isinstance(self.tasks, str) else self.tasks


class Resources(Config):
    """What one job of a stage asks for; a key left out keeps the stage's own default. None enters an id."""

    threads: int | None = circumstance(
        None, description="CPU threads; another number changes the last digits of weights trained on a CPU.", ge=1
    )
    mem_mb: int | None = circumstance(None, description="Memory in MB.", ge=1)
    runtime: int | None = circumstance(None, description="Time limit in minutes, on a cluster.", ge=1)
    gpus: int | None = circumstance(None, description="GPUs.", ge=0)
    partition: str | None = circumstance(None, description="SLURM partition; null: the cluster's default.")
    extra: str | None = circumstance(None, description="Further sbatch options, as they are.")


_DEFAULT = Resources(threads=1, mem_mb=2000, runtime=60, gpus=0)
_OWN_DEFAULTS = {
    "train_tokenizer": Resources(threads=2, mem_mb=4000),
    "encode_corpus": Resources(threads=2),
    "pretrain": Resources(threads=2, mem_mb=4000, runtime=1440),
    "finetune": Resources(mem_mb=4000, runtime=240),
}
StageName = Literal[
    "fetch_corpus", "train_tokenizer", "save_tokenizer", "encode_corpus", "pretrain", "finetune", "evaluate", "report"
]


Model = Annotated[SerializeAsAny[ModelEntry], PlainValidator(MODELS.validate)]
Task = Annotated[SerializeAsAny[TaskConfig], PlainValidator(task_types.validate)]


class Recipe(Config):
    """A whole recipe."""

    corpora: dict[Name, CorpusConfig] = Field({}, description="Texts to train on, by name.")
    tokenizers: dict[Name, TokenizerEntry] = Field({}, description="Tokenizers, by name.")
    models: dict[Name, Model] = Field({}, description="Models to pretrain, by name.")
    tasks: dict[Name, Task] = Field({}, description="Downstream tasks, by name.")
    experiments: list[ExperimentConfig] = Field([], description="Which models are fine-tuned on which tasks.")
    evaluate: EvaluateConfig = Field(EvaluateConfig(), description="How predictions are judged.")
    report: ReportConfig = Field(ReportConfig(), description="The report.")
    on_code_change: Literal["rerun", "keep"] = circumstance(
        "rerun",
        description="What an edit to a stage's code means: `rerun` the stage and all below it, or `keep` the runs "
        "that other code made (the plan marks them).",
    )
    check_data: bool = circumstance(
        True,
        description="Whether data are looked at when the recipe is planned, before anything is trained: the first "
        "thousands of rows, columns, labels, callables, outside models. Only what is new is looked at.",
    )
    on_library_change: Literal["keep", "rerun"] = circumstance(
        "keep",
        description="What another version of a library (torch, transformers, …) means: `keep` the runs that were "
        "made with the former one (the plan says so), or `rerun` them and all below them.",
    )
    resources: dict[StageName, Resources] = circumstance({}, description="What the jobs of a stage ask for, by stage.")

    plugins: list[str] = Field(
        [],
        description="Your own modules (`mine.tasks`) or files (`config/mine.py`) that register task types or "
        "objectives; their code counts in the runs that use them.",
    )
    _swept: dict[tuple[str, str], dict[str, Any]] = PrivateAttr(default_factory=dict)
    _written: dict[str, str] = PrivateAttr(default_factory=dict)
    """Tokenizer of one of several families → the entry that it comes from, as it was written."""
    _files: tuple[str, ...] = PrivateAttr(default=())
    _overrides: dict[str, Any] = PrivateAttr(default_factory=dict)

    def resources_of(self, stage: str) -> Resources:
        """What one job of the stage asks for; all but partition and extra are given."""
        layers = (_DEFAULT, _OWN_DEFAULTS.get(stage), self.resources.get(stage))  # type: ignore[call-overload]
        values: dict[str, Any] = {}
        for layer in filter(None, layers):
            values |= layer.model_dump(exclude_none=True)
        return Resources(**values)

    def start_of(self, model: str) -> str | None:
        """The entry of `models` whose training a model goes on with; None where it begins anew or from outside."""
        init = self.models[model].init
        return init if init in self.models and init != "scratch" else None

    def entry_of(self, tokenizer: str) -> str:
        """What the entry is called in the recipe that a tokenizer (of one of its families) comes from."""
        return self._written.get(tokenizer, tokenizer)

    def families_of(self, tokenizer: str) -> list[str]:
        """The families that the tokenizer's entry has a tokenizer for."""
        own = self.entry_of(tokenizer)
        return [
            entry.main_family
            for name, entry in self.tokenizers.items()
            if self.entry_of(name) == own and entry.main_family
        ]

    @property
    def command(self) -> str:
        """The command that makes the recipe, with the files and overrides that it was read from; empty where there
        are no files, as in another workflow that holds the recipe."""
        return " ".join(command_of(self._files, self._overrides)) if self._files else ""

    @property
    def text(self) -> str:
        """The recipe as YAML, files merged and sweeps written out, without the keys that were left out."""
        return as_yaml(self.model_dump(mode="json", exclude_unset=True))

    def swept(self, section: str, name: str) -> dict[str, Any]:
        """The keys that a sweep set in an entry, with their values; empty for an entry without a sweep."""
        return self._swept.get((section, name), {})
