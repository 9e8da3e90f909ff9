"""What a recipe may say about a task: its data, its columns, its labels, and how a model learns it."""

from __future__ import annotations

import typing
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from snakelm.architectures.config import ArchitectureConfig
from snakelm.core.config import Config, Repeatable, inherited, is_circumstance, outside, reference
from snakelm.core.errors import did_you_mean
from snakelm.metrics.names import METRICS
from snakelm.readers.config import SourceConfig
from snakelm.training.config import TrainingConfig

TaskType = Literal[
    "text_classification",
    "regression",
    "token_classification",
    "question_answering",
    "multiple_choice",
    "summarization",
    "translation",
    "language_modeling",
    "minimal_pairs",
]
TASK_TYPES: tuple[str, ...] = typing.get_args(TaskType)
BASELINES = ("majority", "tfidf")
"""Values of `init` that need no network: the most frequent answer (the mean; the most frequent tag of each word),
and TF-IDF with a linear model."""

_TEXTS = {"text_classification", "regression"}
_GENERATION = {"summarization", "translation"}
_TEXT_COLUMN = _TEXTS | {"language_modeling"}
_USED_BY: dict[str, set[str]] = {  # keys that mean something for some types only
    "text_column": _TEXT_COLUMN,
    "text_pair_column": _TEXTS,
    "label_column": _TEXTS | {"multiple_choice"},
    "labels": {"text_classification", "token_classification"},
    "multi_label": {"text_classification"},
    "label_separator": {"text_classification"},
    "bins": {"text_classification"},
    "bin_names": {"text_classification"},
    "words_column": {"token_classification"},
    "tags_column": {"token_classification"},
    "tag_scheme": {"token_classification"},
    "question_column": {"question_answering", "multiple_choice"},
    "context_column": {"question_answering"},
    "answers_column": {"question_answering"},
    "answer_start_column": {"question_answering"},
    "choices": {"multiple_choice"},
    "source_column": _GENERATION,
    "target_column": _GENERATION,
    "source_prefix": _GENERATION,
    "separator": _GENERATION,
    "max_target_length": _GENERATION,
    "beams": _GENERATION,
    "good_column": {"minimal_pairs"},
    "bad_column": {"minimal_pairs"},
    "phenomenon_column": {"minimal_pairs"},
    "unit": _TEXT_COLUMN,
    "stride": {"question_answering", "token_classification", "language_modeling"},
    "max_answer_length": {"question_answering"},
    "class_weights": {"text_classification", "token_classification"},
    "label_smoothing": set(TASK_TYPES) - {"regression", "question_answering", "minimal_pairs"},
    "pooling": _TEXTS | {"multiple_choice"},
    "standardize": {"regression"},
}


def _label(value: Any) -> Any:
    """A label as YAML reads it → as the data's labels are named: 1 and 1.0 are '1', text is stripped."""
    if isinstance(value, bool):
        raise ValueError(f"write this label in quotes: YAML reads yes, no, on and off as {str(value).lower()}")
    if isinstance(value, (int, float)):
        return str(int(value)) if float(value).is_integer() else str(value)
    return value.strip() if isinstance(value, str) else value


Label = Annotated[str, BeforeValidator(_label, json_schema_input_type=str | float), Field(min_length=1)]
Labels = list[Label]


def one_device(gpus: int) -> str:
    """Why several GPUs for one fine-tuning are refused."""
    return (
        f"a fine-tuning learns on one device, not on {gpus}: give 0 or 1"
        " (on several GPUs several tasks and inits run side by side)"
    )


class DataKeys(Config):
    """Where a task's rows come from, and which column is what."""

    corpus: str | None = reference(
        "corpora",
        None,
        description="name of a corpus whose documents are the rows: its train, validation and test splits are"
        " the task's, so no test document is ever pretrained on",
    )
    unit: Literal["document", "paragraph"] = Field(
        "document", description="with `corpus`: what a row is; paragraphs are separated by blank lines"
    )
    min_chars: int = Field(1, description="texts shorter than this are left out, in characters", ge=1)
    max_chars: int | None = Field(None, description="texts longer than this are left out, in characters", ge=1)
    data: SourceConfig | None = Field(None, description="one source from which all splits are made")
    train: SourceConfig | None = Field(None, description="source of the rows to learn from")
    validation: SourceConfig | None = Field(None, description="source of the rows to select models on")
    test: SourceConfig | None = Field(None, description="source of the rows that are reported")
    validation_fraction: float = Field(
        0.1, description="share of the training rows held out for validation where no validation is given", ge=0, lt=1
    )
    test_fraction: float = Field(
        0.2, description="share of the rows held out as the test where all splits are made from `data`", gt=0, lt=1
    )
    stratify: bool = Field(
        True, description="whether made splits keep the proportions of the labels (with groups: as well as they allow)"
    )
    group_column: str | None = Field(
        None, description="column whose equal values never fall into two made splits (author, document, …)"
    )
    max_train_rows: int | list[int] | None = Field(
        None,
        description="learn from a random sample of this many rows; a list makes one task per size (a learning"
        " curve). Samples are nested: the 500 contain the 200",
    )
    max_validation_rows: int | None = Field(None, description="validate on a random sample of this many rows", ge=1)
    max_test_rows: int | None = Field(None, description="test on a random sample of this many rows", ge=1)
    data_seed: int = Field(0, description="seed of made splits and samples; the same for every model and seed", ge=0)
    missing_labels: Literal["refuse", "drop"] = Field(
        "refuse", description="what to do with rows without a label (empty, NaN): stop with their number, or drop them"
    )
    empty_texts: Literal["refuse", "drop", "keep"] = Field(
        "refuse", description="what to do with rows whose text is empty: stop, drop them, or keep them"
    )
    duplicates: Literal["keep", "drop"] = Field(
        "keep",
        description="what to do with training rows whose input also stands in validation or test: they are"
        " counted and warned of either way",
    )
    text_column: str = Field("text", description="column with the text")
    text_pair_column: str | None = Field(None, description="column with the second text, for pairs")
    label_column: str = Field("label", description="column with the label, or the number for a regression")
    labels: Labels | None = Field(
        None, description="all labels in the order of their ids; by default those found in the data, sorted"
    )
    multi_label: bool = Field(False, description="whether a row may have any number of labels")
    label_separator: str = Field(",", description="what separates several labels in one cell", min_length=1)
    bins: list[float] | None = Field(
        None,
        description="edges that cut a numeric label column into classes: [1790, 1840, 1890] makes 1790 ≤ x < 1840"
        " and 1840 ≤ x ≤ 1890",
        min_length=3,
    )
    bin_names: Labels | None = Field(None, description="names of the classes that `bins` makes, one per interval")
    words_column: str = Field("words", description="column with the list of words (or words separated by blanks)")
    tags_column: str = Field("tags", description="column with the list of tags, one per word")
    tag_scheme: Literal["auto", "iob1", "iob2", "bioes", "none"] = Field(
        "auto",
        description="how spans are marked: checked, and IOB1 is rewritten as IOB2; auto finds it from the tags,"
        " none takes the tags as they are",
    )
    question_column: str = Field("question", description="column with the question (or beginning of a sentence)")
    context_column: str = Field("context", description="column with the text that holds the answer")
    answers_column: str = Field(
        "answers", description="column with the accepted answers: SQuAD's {text, answer_start}, a list or one text"
    )
    answer_start_column: str | None = Field(
        None, description="column with the answers' offsets in characters, where they stand apart from the answers"
    )
    choices: str | list[str] = Field(
        "choices", description="column with the list of choices, or a list of columns with one choice each"
    )
    source_column: str = Field("source", description="column with the text to summarize or translate")
    target_column: str = Field("target", description="column with the summary or translation")
    good_column: str = Field("sentence_good", description="column with the acceptable sentence")
    bad_column: str = Field("sentence_bad", description="column with the unacceptable sentence")
    phenomenon_column: str | None = Field(
        "linguistics_term", description="column by which pairs are also scored; null if there is none"
    )


class TrainingKeys(TrainingConfig):
    """How a model learns a task. Each of these may stand in `grid`, except what cannot change a result."""

    max_length: int | None = Field(
        None, description="longest input in tokens; by default what the model can read", ge=8
    )
    stride: int = Field(32, description="overlap of the windows into which long inputs are cut, in tokens", ge=0)
    max_answer_length: int = Field(30, description="longest answer that is considered, in tokens", ge=1)
    source_prefix: str = Field("", description="text before each source, such as 'summarize: '")
    separator: str = Field(
        "\n", description="text between source and target where a causal model does the task as a continuation"
    )
    max_target_length: int = Field(64, description="longest target that is learnt or generated, in tokens", ge=2)
    beams: int = Field(1, description="beams of the search when generating; 1 is greedy", ge=1)
    learning_rate: float = inherited(TrainingConfig, "learning_rate", 5e-5)
    epochs: float | None = inherited(TrainingConfig, "epochs", 3.0)
    warmup: float = inherited(TrainingConfig, "warmup", 0.1)
    keep: Literal["best", "last"] = inherited(TrainingConfig, "keep", "best")
    layer_decay: float = Field(
        1.0, description="factor of the learning rate per layer from the top down; 1 trains all alike", gt=0, le=1
    )
    freeze: Literal["nothing", "embeddings", "backbone"] | int = Field(
        "nothing", description="what keeps its weights; a number freezes the embeddings and that many lowest layers"
    )
    pooling: Literal["auto", "mean", "last", "first"] = Field(
        "auto",
        description="how token vectors become one: auto is the architecture's own way (first token of encoders, last"
        " of causal models), which stock transformers can load; the others need this project or trust_remote_code",
    )
    dropout: float | None = Field(
        None, description="dropout everywhere in the network; by default the model's own", ge=0, lt=1
    )
    class_weights: Literal["balanced"] | dict[Label, float] | None = Field(
        None, description="weight of each label in the loss; balanced: inverse to its frequency in training"
    )
    label_smoothing: float = Field(0.0, description="share of each target spread over all labels", ge=0, lt=1)
    standardize: bool = Field(True, description="whether a regression learns the target in standard deviations")

    renamed: ClassVar[dict[str, str]] = {"evaluate_every": "evaluation_steps", "early_stopping": "patience"}

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


class TaskConfig(Repeatable, DataKeys, TrainingKeys):
    """One task: an entry under `tasks`."""

    type: TaskType = Field(description="kind of task")
    metric: str | None = Field(
        None, description="the metric to select by and to report first; by default the type's own"
    )
    grid: dict[str, list[Any]] = Field(
        default_factory=dict,
        description="training keys with lists of values: all combinations are tried, the best on validation is kept",
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

    @model_validator(mode="after")
    def _whole(self) -> TaskConfig:
        self._check_sources()
        for key in sorted(self.changed() & set(_USED_BY)):
            if self.type not in _USED_BY[key]:
                raise ValueError(f"{key} means nothing for {self.type}")
        if self.metric is not None and self.metric not in METRICS[self.type]:
            raise ValueError(
                f"metric {self.metric!r} is unknown for {self.type}{did_you_mean(self.metric, METRICS[self.type])}"
            )
        self._check_labels()
        self._check_selection()
        self._check_grid()
        return self

    def _check_sources(self) -> None:
        given = [name for name in ("corpus", "data", "train") if getattr(self, name) is not None]
        if self.type == "minimal_pairs" and not given and self.test is not None:
            return
        if len(given) != 1:
            raise ValueError(
                f"needs exactly one of corpus, data or train, got {' and '.join(given) or 'none'}"
                + (" (minimal pairs may also have test alone)" if self.type == "minimal_pairs" else "")
            )
        if given == ["train"] and self.test is None:
            raise ValueError("has a train source but no test; give `test`, or one `data` to be split")
        if given != ["train"] and (self.validation or self.test) is not None:
            raise ValueError(f"takes its splits from {given[0]}: leave validation and test out, or give train instead")
        if self.unit == "paragraph" and self.corpus is None:
            raise ValueError("unit: paragraph is for a corpus; cut other sources by their own reader")
        if self.max_chars is not None and self.max_chars < self.min_chars:
            raise ValueError(f"max_chars ({self.max_chars}) is smaller than min_chars ({self.min_chars})")

    def _check_selection(self) -> None:
        if self.type == "text_classification" and self.metric is not None:
            one, several = ("accuracy", "f1_macro", "mcc"), ("f1_micro", "f1_macro", "exact_match")
            if self.metric not in (several if self.multi_label else one):
                raise ValueError(
                    f"metric {self.metric} is of {'one label' if self.multi_label else 'several labels'} per row;"
                    f" take {', '.join(several if self.multi_label else one)}"
                )
        if self.patience is not None and self.keep == "last":
            raise ValueError("patience goes back to the best weights; leave keep: last out")
        made = self.validation is None and self.corpus is None
        if made and not self.validation_fraction and (self.patience or len(self.grid_points()) > 1):
            raise ValueError("patience and grid need validation rows; set validation_fraction or give validation")

    def _check_labels(self) -> None:
        if self.bins is not None:
            if any(low >= high for low, high in zip(self.bins, self.bins[1:], strict=False)):
                raise ValueError("bins must rise from each edge to the next")
            if self.labels is not None or self.multi_label:
                raise ValueError("bins make the labels: leave labels and multi_label out (bin_names names them)")
        if self.bin_names is not None and len(self.bin_names) != len(self.bins or []) - 1:
            raise ValueError(f"bin_names needs {max(len(self.bins or []) - 1, 0)} names, one per interval of bins")
        for key in ("labels", "bin_names"):
            names = getattr(self, key) or []
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{key} has {twice[0]!r} twice")
        if self.labels is not None and len(self.labels) < (1 if self.multi_label else 2):
            raise ValueError("labels needs at least two labels")
        if isinstance(self.class_weights, dict):
            if known := self.labels or self.bin_names:
                for label in sorted(set(self.class_weights) - set(known)):
                    raise ValueError(f"class_weights: label {label!r} is unknown{did_you_mean(label, known)}")
            if any(weight < 0 for weight in self.class_weights.values()):
                raise ValueError("class_weights must not be negative")

    def _check_grid(self) -> None:
        if self.grid and self.type == "minimal_pairs":
            raise ValueError("grid: minimal pairs are scored without training")
        allowed = [name for name, field in TrainingKeys.model_fields.items() if not is_circumstance(field)]
        for key, values in self.grid.items():
            if key not in allowed:
                raise ValueError(f"grid: {key!r} is not a training key{did_you_mean(key, allowed)}")
            if self.type not in _USED_BY.get(key, {self.type}):
                raise ValueError(f"grid: {key} means nothing for {self.type}")
            if not values:
                raise ValueError(f"grid: {key} has no values")
            for value in values:
                try:
                    TrainingKeys(**{key: value})
                except ValidationError as error:
                    said = error.errors()[0]["msg"].removeprefix("Value error, ").removeprefix("Input ")
                    raise ValueError(f"grid: {key}: {value!r} {said}") from None

    def grid_points(self) -> list[dict[str, Any]]:
        """All combinations of the grid, the first key varying slowest; [{}] without a grid."""
        points: list[dict[str, Any]] = [{}]
        for key, values in self.grid.items():
            points = [{**point, key: value} for point in points for value in values]
        return points

    def at(self, point: dict[str, Any]) -> TaskConfig:
        """This task with the training keys of one grid point and without the grid."""
        return self.model_copy(update={**TrainingKeys(**point).model_dump(include=set(point)), "grid": {}})


class FinetuneConfig(Config):
    """One fine-tuning run: a task, the weights to begin with, and a seed."""

    task: TaskConfig = Field(description="the task")
    init: str = outside(
        "pretrained",
        description="weights to begin with: pretrained (the recipe's model), random (the same architecture untrained),"
        " majority or tfidf (baselines without a network), or a folder or Hub name",
    )
    seed: int = Field(0, description="seed of the head, the order of rows and dropout", ge=0)
    architecture: ArchitectureConfig | None = Field(None, description="the network to build where init is random")


def learning_curve(name: str, task: TaskConfig) -> dict[str, TaskConfig]:
    """A task with a list of sizes as one task per size ('era' → 'era-200', 'era-500'); else the task itself."""
    if not isinstance(task.max_train_rows, list):
        return {name: task}
    return {f"{name}-{size}": task.model_copy(update={"max_train_rows": size}) for size in task.max_train_rows}


def check(
    task: TaskConfig, architecture: str, objective: str, init: str = "pretrained", positions: int | None = None
) -> list[str]:
    """What cannot work for this model, task and init, one line each (without the place in the recipe).

    `architecture` and `objective` are the model's; `positions` the longest input that it reads, in tokens.
    Init that is a folder or Hub name is not known before it is loaded: only the task's own demands are checked.
    """
    problems: list[str] = []
    if init in BASELINES:
        allowed = {"majority": _TEXTS | {"token_classification", "multiple_choice"}, "tfidf": _TEXTS}[init]
        if task.type not in allowed:
            problems.append(
                f"the baseline {init} does not exist for {task.type}; it does for {', '.join(sorted(allowed))}"
            )
        return problems
    if init not in ("pretrained", "random"):
        return problems
    if task.type in _GENERATION and objective == "mlm":
        problems.append(
            f"{task.type} needs a model that writes text: {architecture} with objective mlm is an encoder;"
            " take objective clm, or an encoder-decoder such as t5 with span_denoising"
        )
    if task.type == "language_modeling" and objective == "span_denoising":
        problems.append(
            "language_modeling needs objective mlm or clm; an encoder-decoder has no likelihood of plain text"
        )
    for point in task.grid_points():
        here = task.at(point)
        if here.pooling == "first" and objective == "clm":
            problems.append("pooling: first sees only the first token of a causal model; take last or mean")
        if positions is not None and here.max_length is not None and here.max_length > positions:
            problems.append(f"max_length ({here.max_length}) is longer than the model's positions ({positions})")
        longest = here.max_length or positions
        if task.type in _GENERATION and objective == "clm" and longest and here.max_target_length >= longest - 8:
            problems.append(
                f"max_target_length ({here.max_target_length}) leaves no room for a source in the {longest} tokens that"
                " the model reads"
            )
    return list(dict.fromkeys(problems))
