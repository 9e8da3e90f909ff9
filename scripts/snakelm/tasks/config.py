"""What every task has: its data, how it is learnt, and what a task type has to declare; and the registry of types.

A task type is a class in a file of its own, a built-in one under `types/`, any other in a module of the user's:

    @task_types.register("regression")
    class Regression(TaskConfig):
        \"\"\"A text and a number.\"\"\"              # what one row is; the documentation shows this line

        label_column: str = Field("label", description="Column with the number.")   # keys of its own

        metrics = Metrics(regression, ("pearson", "rmse"), lower_is_better=frozenset({"rmse"}))

        def columns(self, rows, where): ...        # a source's rows → the task's table
        def learner(self): ...                     # the class that does it, which may import torch

Modules of types import neither torch nor NumPy nor pandas outside functions: planning reads them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, TypeVar, get_args

from pydantic import Field, ValidationError, field_validator, model_validator

from snakelm.architectures.names import Network, described
from snakelm.core.config import Config, Repeatable, View, inherited, is_circumstance, keys_of, reference
from snakelm.core.errors import UserError, did_you_mean
from snakelm.core.registry import Registry
from snakelm.readers.config import SourceConfig
from snakelm.readers.row import FILE
from snakelm.readers.rows import column
from snakelm.tasks.baselines import used_by
from snakelm.tasks.cells import is_empty
from snakelm.training.config import TrainingConfig

if TYPE_CHECKING:
    from pandas import DataFrame

    from snakelm.metrics.details import Details
    from snakelm.metrics.predicted import Predicted
    from snakelm.readers.row import Row
    from snakelm.tasks.baselines import Baseline
    from snakelm.tasks.data import Where
    from snakelm.tasks.learner import Learner
    from snakelm.tasks.metrics import Metrics
    from snakelm.tasks.official import OfficialFormat

LearnerClass: TypeAlias = "type[Learner[Any]]"  # within TaskConfig `type` is a key
NETWORKS: tuple[Network, ...] = get_args(Network)


def training_key(default: Any = ..., *, description: str, changes_features: bool = True, **constraints: Any) -> Any:
    """A key of how a task is learnt: it may stand in `grid`, and the task's rows do not depend on it.

    With changes_features=False its tokenized inputs do not either, so they are shared over all values of the key.
    """
    extra: dict[str, Any] = {"training": True, "features": changes_features}
    return Field(default, description=description, json_schema_extra=extra, **constraints)


def one_device(gpus: int) -> str:
    """Why several GPUs for one fine-tuning are refused."""
    return (
        f"a fine-tuning learns on one device, not on {gpus}: give 0 or 1"
        " (on several GPUs several tasks and inits run side by side)"
    )


class DataConfig(Config):
    """Where a task's rows come from, and which of them count."""

    corpus: str | None = reference(
        "corpora",
        None,
        description="Name of a corpus whose documents are the rows: its train, validation and test splits are the "
        "task's, so no test document is ever pretrained on.",
    )
    data: SourceConfig | None = Field(None, description="One source from which all splits are made.")
    train: SourceConfig | None = Field(None, description="Source of the rows to learn from.")
    validation: SourceConfig | None = Field(None, description="Source of the rows to select models on.")
    test: SourceConfig | None = Field(None, description="Source of the rows that are reported.")
    validation_fraction: float = Field(
        0.1,
        description="Share of the training rows held out for validation where no validation is given.",
        ge=0,
        lt=1,
    )
    test_fraction: float = Field(
        0.2, description="Share of the rows held out as the test where all splits are made from `data`.", gt=0, lt=1
    )
    stratify: bool = Field(
        True, description="Whether made splits keep the proportions of the labels (with groups: as well as they allow)."
    )
    group_column: str | None = Field(
        None, description="Column whose equal values never fall into two made splits (author, document, …)."
    )
    min_chars: int = Field(1, description="Texts shorter than this are left out, in characters.", ge=1)
    max_chars: int | None = Field(None, description="Texts longer than this are left out, in characters.", ge=1)
    max_train_rows: int | list[int] | None = Field(
        None,
        description="Learn from a random sample of this many rows; a list makes one task per size (a learning "
        "curve). Samples are nested: the 500 contain the 200.",
    )
    max_validation_rows: int | None = Field(None, description="Validate on a random sample of this many rows.", ge=1)
    max_test_rows: int | None = Field(None, description="Test on a random sample of this many rows.", ge=1)
    data_seed: int = Field(0, description="Seed of made splits and samples; the same for every model and seed.", ge=0)
    missing_labels: Literal["refuse", "drop", "empty"] = Field(
        "refuse",
        description="What to do with rows without a label (no such key, empty, NaN): stop with their number, or drop "
        "them. With several labels per row an empty cell means none; there empty says that a missing key does too.",
    )
    empty_texts: Literal["refuse", "drop", "keep"] = Field(
        "refuse", description="What to do with rows whose text is empty: stop, drop them, or keep them."
    )
    duplicates: Literal["keep", "drop"] = Field(
        "keep",
        description="What to do with training rows whose input also stands in validation or test: they are counted "
        "and warned of either way.",
    )

    @field_validator("max_train_rows")
    @classmethod
    def _sizes(cls, value: int | list[int] | None) -> int | list[int] | None:
        sizes = value if isinstance(value, list) else [] if value is None else [value]
        if isinstance(value, list) and not value or any(size < 1 for size in sizes):
            raise ValueError("must be one or more numbers of rows, each at least 1")
        if len(set(sizes)) < len(sizes):
            raise ValueError("names a size twice")
        return value


TaskT = TypeVar("TaskT", bound="TaskConfig")


class TaskConfig(Repeatable, DataConfig, TrainingConfig):
    """One task: an entry under `tasks`. A task type is a subclass, whose docstring begins with what one row is."""

    renamed: ClassVar[dict[str, str]] = {
        "evaluate_every": "evaluation_steps",
        "early_stopping": "patience",
        "missing": "missing_labels",
    }

    type: str = Field(description="Task type.", examples=["regression", "language_modeling"])
    metric: str | None = Field(
        None, description="Metric to select by and to report first; by default the type's main one."
    )
    grid: dict[str, list[Any]] = Field(
        default_factory=dict,
        description="Training keys with lists of values: all combinations are tried, the best on validation is kept.",
    )
    max_length: int | None = training_key(
        None, description="Longest input in tokens; by default what the model can read.", ge=8
    )
    learning_rate: float = inherited(TrainingConfig, "learning_rate", 5e-5)
    epochs: float = inherited(TrainingConfig, "epochs", 3.0)
    warmup: float = inherited(TrainingConfig, "warmup", 0.1)
    keep: Literal["best", "last", "average"] = inherited(TrainingConfig, "keep", "best")
    layer_decay: float = training_key(
        1.0,
        description="Factor of the learning rate per layer from the top down; 1 trains all alike.",
        changes_features=False,
        gt=0,
        le=1,
    )
    freeze: Literal["nothing", "embeddings", "backbone"] | int = training_key(
        "nothing",
        description="What keeps its weights; a number freezes the embeddings and that many lowest layers.",
        changes_features=False,
    )
    dropout: float | None = training_key(
        None,
        description="Dropout everywhere in the network; by default the model's own.",
        changes_features=False,
        ge=0,
        lt=1,
    )

    # --- what a type declares ---

    metrics: ClassVar[Metrics]
    inputs: ClassVar[tuple[str, ...]] = ("text",)
    """Columns of the task's table that a model sees: rows that are equal in them are duplicates."""
    baselines: ClassVar[Mapping[str, Baseline]] = MappingProxyType({})
    """What can be compared with and needs no network, by name."""
    networks: ClassVar[tuple[Network, ...]] = NETWORKS
    """The kinds of network that can do it, whatever they were pretrained on."""
    needs: ClassVar[str] = ""
    """Where not all can: what is needed, for messages."""
    trains: ClassVar[bool] = True
    """Whether anything is learnt; otherwise there is a test and nothing else."""
    empty_answers: ClassVar[frozenset[str]] = frozenset({"nan", "NaN"})
    """Words that say nothing in the answer column."""

    def columns(self, rows: Sequence[Row], where: Where) -> dict[str, list[Any]]:
        """A source's rows → the columns of the task's table, `inputs` among them and usually `gold`.

        `where(position)` names a row. Raises UserError for the first row that cannot be used (see `rows`).
        """
        return self.input_columns(rows, where)

    def input_columns(self, rows: Sequence[Row], where: Where) -> dict[str, list[Any]]:
        """The same without `gold`, of rows that need not have the answer column: a test without labels, new rows."""
        raise UserError(f"{self.type} cannot read rows without a label: its class has no input_columns")

    def learner(self) -> LearnerClass:
        """The class that does it: rows → features → loss → outputs → predictions."""
        raise NotImplementedError

    def official_format(self, row: Row) -> OfficialFormat | None:
        """How the field's own scorers want the predictions of rows such as this one; None where they have no format."""
        return None

    def text_columns(self) -> list[str]:
        """The source's columns that must not be empty; `min_chars` and `max_chars` are of the first."""
        return []

    def gold_column(self) -> str | None:
        """The source's column without whose cell a row has no label; None where a row need not have one."""
        return None

    def label_sources(self) -> Sequence[str]:
        """The source's columns that hold labels: each is in some row, or its name is misspelt."""
        column = self.gold_column()
        return [] if column is None else [column]

    def lacks_label(self, row: Row) -> bool:
        """Whether `missing_labels: drop` leaves a row out, where that is not told by its `gold_column` alone."""
        return False

    def may_have_no_label(self) -> bool:
        """Whether a row may have no label at all, so that `missing_labels: empty` means something."""
        return False

    def reads_paths(self) -> bool:
        """Whether what files are called changes the task's data: a column that it reads is `file`."""
        columns = (self.group_column, self.answer_column(), *self.text_columns(), *self.label_sources())
        return FILE in columns

    def view(self, view: View) -> dict[str, Any]:
        return super().view(replace(view, paths=view.paths or self.reads_paths()))

    def answer_column(self) -> str | None:
        """The source's column with what is to be predicted; None where the source has none (likelihoods)."""
        return self.gold_column()

    def has_answer(self, row: Row) -> bool:
        """Whether a row that has the answer column says something in it."""
        return not is_empty(column(row, str(self.answer_column())), self.empty_answers)

    def given_labels(self) -> Sequence[str] | None:
        """The labels as far as the recipe tells them; None for a type without labels too."""
        return None

    def gold_is_number(self) -> bool:
        """Whether that column has to hold numbers."""
        return False

    def reads_paragraphs(self) -> bool:
        """Whether a corpus is read by paragraphs, each a row."""
        return False

    def check_rows(self, frames: Mapping[str, DataFrame], where: Mapping[str, Where]) -> None:
        """What only all rows together show, before splits are made: check it, or rewrite them in place."""

    def find_labels(self, frames: Mapping[str, DataFrame], where: Mapping[str, Where]) -> list[str] | None:
        """All labels in the order of their ids, once the splits are made; None for a type without labels."""
        return None

    def labels_of(self, frame: DataFrame) -> list[list[str]] | None:
        """The labels of each row; None for a type without labels. Made splits keep their shares."""
        return None

    def tuned(self, validation: DataFrame | None, labels: Sequence[str] | None) -> dict[str, float]:
        """What all predictions of a run are decided by (a threshold), chosen by those for validation if there are any;
        {} for most types. It is given to `decide`, and written into the run's task.json."""
        return {}

    def decide(self, predictions: DataFrame, labels: Sequence[str] | None, tuned: Mapping[str, float]) -> DataFrame:
        """Predictions as a learner or baseline makes them, decided anew by what was tuned."""
        return predictions

    @classmethod
    def details(cls, predicted: Predicted) -> Details | None:
        """What an evaluation says of a cell's test beside its metrics (`metrics/details.py`); None for nothing but what
        it says of all types: rows, seeds, parameters, seeds that are unlike the others."""
        return None

    def untrained_labels(self, labels: Sequence[str], train: DataFrame) -> list[str]:
        """Labels to warn of, since no training row has them."""
        seen = {label for row in self.labels_of(train) or [] for label in row}
        return [label for label in labels if label not in seen]

    def problems(self, network: Network, positions: int | None) -> Iterator[str]:
        """What cannot work with a network of this kind that reads so many tokens, at one point of the grid."""
        if positions is not None and self.max_length is not None and self.max_length > positions:
            yield f"max_length ({self.max_length}) is longer than the model's positions ({positions})"

    # --- what follows from it ---

    def check_model(self, architecture: str, network: Network, positions: int | None = None) -> list[str]:
        """What cannot work for a model, one line each; `positions` is the longest input that it reads, in tokens."""
        if problem := self.check_network(architecture, network):
            return [problem]
        found = [line for point in self.grid_points() for line in self.at(point).problems(network, positions)]
        return list(dict.fromkeys(found))

    def check_network(self, architecture: str, network: Network) -> str | None:
        """Why networks of this kind cannot do it, in one line; None if they can."""
        if network in self.networks:
            return None
        return f"{self.type} needs {self.needs}; {architecture} is {described([network])} here"

    def check_baseline(self, name: str) -> list[str]:
        """Why there is no such baseline for this type, in one line; [] if there is."""
        if name in self.baselines:
            return []
        return [f"the baseline {name} does not exist for {self.type}; it has {', '.join(self.baselines) or 'none'}"]

    def unused_by(self, baseline: str) -> frozenset[str]:
        """The keys that cannot change what a baseline answers: `grid`, and the training keys that it does not use."""
        return self.training_keys() - used_by(self.baselines[baseline]) | {"grid"}

    def as_seen_by(self: TaskT, baseline: str) -> TaskT:
        """This task with the defaults of the keys that a baseline does not use, so that it cannot depend on them."""
        unused = {key.name: key.default for key in keys_of(type(self)) if not key.required}
        return self.model_copy(update={name: unused[name] for name in self.unused_by(baseline) & unused.keys()})

    def greater_is_better(self) -> bool:
        """Whether more of the metric that is selected by is better."""
        return self.metrics.greater_is_better(self.metric or self.metrics.names[0])

    @classmethod
    def training_keys(cls) -> frozenset[str]:
        """The keys of how it is learnt: its rows do not depend on them."""
        return frozenset(name for name, field in cls.model_fields.items() if _is_training_key(name, field))

    def feature_keys(self) -> dict[str, Any]:
        """What the type's own keys say, but for those that cannot change its features, as plain JSON values."""
        own = type(self).model_fields.keys() - TaskConfig.model_fields.keys() | {"type"}
        return {
            name: value
            for name, value in self.identity().items()
            if name in own and _marks(type(self).model_fields[name]).get("features", True)
        }

    def grid_points(self) -> list[dict[str, Any]]:
        """All combinations of the grid, the first key varying slowest; [{}] without a grid."""
        points: list[dict[str, Any]] = [{}]
        for key, values in self.grid.items():
            points = [{**point, key: value} for point in points for value in values]
        return points

    def at(self: TaskT, point: Mapping[str, Any]) -> TaskT:
        """This task with the training keys of one grid point and without the grid."""
        return type(self).model_validate({**self.__dict__, **point, "grid": {}}) if self.grid else self

    # --- checks ---

    @field_validator("type")
    @classmethod
    def _own_type(cls, value: str) -> str:
        if task_types.get(value) is not cls:
            raise ValueError(f"{value} is another type than {cls.__name__}")
        return value

    @field_validator("gpus")
    @classmethod
    def _gpus(cls, value: int | None) -> int | None:
        if value is not None and value > 1:
            raise ValueError(one_device(value))
        return value

    @field_validator("freeze")
    @classmethod
    def _freeze(cls, value: str | int) -> str | int:
        if isinstance(value, int) and value < 1:
            raise ValueError("must be at least 1 layer (or nothing, embeddings, backbone)")
        return value

    @model_validator(mode="after")
    def _sources_and_selection(self) -> TaskConfig:
        self._check_sources()
        self._check_selection()
        return self

    def _check_sources(self) -> None:
        given = [name for name in ("corpus", "data", "train") if getattr(self, name) is not None]
        if not self.trains and not given and self.test is not None:
            return
        if len(given) != 1:
            raise ValueError(
                f"needs exactly one of corpus, data or train, got {' and '.join(given) or 'none'}"
                + ("" if self.trains else f" ({self.type} may also have test alone)")
            )
        if given == ["train"] and self.test is None:
            raise ValueError("has a train source but no test; give `test`, or one `data` to be split")
        if given != ["train"] and (self.validation or self.test) is not None:
            raise ValueError(f"takes its splits from {given[0]}: leave validation and test out, or give train instead")
        if self.reads_paragraphs() and self.corpus is None:
            raise ValueError("unit: paragraph is for a corpus; cut other sources by their own reader")
        if self.max_chars is not None and self.max_chars < self.min_chars:
            raise ValueError(f"max_chars ({self.max_chars}) is smaller than min_chars ({self.min_chars})")

    def _check_selection(self) -> None:
        if self.missing_labels == "empty" and not self.may_have_no_label():
            raise ValueError("missing_labels: empty is for several labels per row (multi_label); take drop or refuse")
        if self.metric is not None and self.metric not in self.metrics.names:
            near = did_you_mean(self.metric, self.metrics.names)
            raise ValueError(f"metric {self.metric!r} is unknown for {self.type}{near}")
        if self.patience is not None and self.keep != "best":
            raise ValueError(f"patience goes back to the best weights; leave keep: {self.keep} out")
        if self.averages and self.keep != "average":
            raise ValueError("ema_decay and average_last need keep: average")
        made = self.validation is None and self.corpus is None
        if made and not self.validation_fraction and (self.patience or len(self.grid_points()) > 1):
            raise ValueError("patience and grid need validation rows; set validation_fraction or give validation")

    @model_validator(mode="after")
    def _whole_grid(self) -> TaskConfig:
        if self.grid and not self.trains:
            raise ValueError(f"grid: {self.type} is scored without training")
        if not self.grid:
            return self
        fields = type(self).model_fields
        allowed = [name for name in fields if name in self.training_keys() and not is_circumstance(fields[name])]
        for key, values in self.grid.items():
            if key not in allowed:
                other = any(key in found.training_keys() for found in task_types.classes().values())
                means = f"means nothing for {self.type}" if other and key not in fields else "is not a training key"
                raise ValueError(f"grid: {key} {means}{did_you_mean(key, allowed)}")
            if not values:
                raise ValueError(f"grid: {key} has no values")
        try:
            self.at({})
        except ValidationError:
            return self  # whatever is wrong has nothing to do with the grid, and is said by who found it
        meant: dict[tuple[str, str], Any] = {}
        for point in self.grid_points():
            try:
                typed = self.at(point)
            except ValidationError as error:
                told = error.errors()[0]
                key = str(told["loc"][0]) if told["loc"] else ""
                said = told["msg"].removeprefix("Value error, ").removeprefix("Input ")
                raise ValueError(f"grid: {key}: {point[key]!r} {said}" if key else f"grid: {point}: {said}") from None
            for key, value in point.items():
                meant[key, repr(value)] = getattr(typed, key)
        # A value is what its key makes of it: "2" is 2.
        self.__dict__["grid"] = {key: [meant[key, repr(v)] for v in values] for key, values in self.grid.items()}
        return self


def baseline_names() -> list[str]:
    """All baselines that the registered task types have, those of plug-ins among them; none is called as an init."""
    found = {name for each in task_types.classes().values() for name in each.baselines}
    return sorted(found - {"pretrained", "random"})


task_types = Registry("task type", key="type", base=TaskConfig, package="snakelm.tasks.types")


def learning_curve(name: str, task: TaskConfig) -> dict[str, TaskConfig]:
    """A task with a list of sizes as one task per size ('era' → 'era-200', 'era-500'); else the task itself."""
    if not isinstance(task.max_train_rows, list):
        return {name: task}
    return {f"{name}-{size}": task.model_copy(update={"max_train_rows": size}) for size in task.max_train_rows}


def _is_training_key(name: str, field: Any) -> bool:
    return name in TrainingConfig.model_fields or "training" in _marks(field)


def _marks(field: Any) -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
