"""What types with a set of labels share, whether a label is of a row or of a word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from snakelm.core.console import log
from snakelm.core.errors import UserError, did_you_mean
from snakelm.tasks.config import training_key
from snakelm.tasks.keys import LabelSmoothing
from snakelm.tasks.labels import check_known, label_name, unknown
from snakelm.tasks.learner import Learner, TaskT

if TYPE_CHECKING:
    import torch
    from pandas import DataFrame

    from snakelm.tasks.data import Where


def _label(value: Any) -> Any:
    """A label as YAML reads it → as the data's labels are named."""
    if isinstance(value, bool):
        raise ValueError(f"write this label in quotes: YAML reads yes, no, on and off as {str(value).lower()}")
    return label_name(value) if isinstance(value, (int, float, str)) else value


Label = Annotated[str, BeforeValidator(_label, json_schema_input_type=str | float), Field(min_length=1)]
Labels = list[Label]


class Labelled(LabelSmoothing):
    """Types with a set of labels."""

    labels: Labels | None = Field(
        None, description="All labels in the order of their ids; by default those found in the data, sorted."
    )
    label_names: Labels | dict[Label, Label] | None = Field(
        None,
        description="Names of labels that are numbers in the data: a list with those of 0, 1, …, or a map from number "
        "(or any other label) to name, in which several may share a name.",
    )
    unseen_labels: Literal["refuse", "count"] = Field(
        "refuse",
        description="What to do with labels of validation and test that no training row has: stop, or count them as "
        "errors of the model.",
    )
    class_weights: Literal["balanced"] | dict[Label, float] | None = training_key(
        None,
        description="Weight of each label in the loss; balanced: inverse to its frequency in training.",
        changes_features=False,
    )

    def fewest_labels(self) -> int:
        """How many labels it takes for anything to be learnt."""
        return 2

    def given_labels(self) -> Sequence[str] | None:
        """The labels as far as the recipe tells them."""
        return self.labels or list(dict.fromkeys(self._names().values())) or None

    def _names(self) -> dict[str, str]:
        if isinstance(self.label_names, list):
            return {str(number): name for number, name in enumerate(self.label_names)}
        return self.label_names or {}

    def named(self, labels: Sequence[str], place: str) -> list[str]:
        """A row's labels by the names that `label_names` gives them; UserError for one that has none there."""
        if self.label_names is None:
            return list(labels)
        names = self._names()
        if strange := next((label for label in labels if label_name(label) not in names), None):
            raise UserError(
                f"{place}: label {strange!r} has no name in label_names, which names {', '.join(list(names)[:8])}"
                + (" …" if len(names) > 8 else "")
            )
        return [names[label_name(label)] for label in labels]

    @model_validator(mode="after")
    def _check_labels(self) -> Labelled:
        refuse_twice("labels", self.labels)
        if isinstance(self.label_names, list):
            refuse_twice("label_names", self.label_names)
        for label in self.labels or []:
            if self.label_names is not None and label not in (names := list(self._names().values())):
                raise ValueError(f"labels: {label!r} is none of label_names{did_you_mean(label, names)}")
        if self.labels is not None and len(self.labels) < self.fewest_labels():
            raise ValueError("labels needs at least two labels")
        if isinstance(self.class_weights, dict):
            if known := self.given_labels():
                for label in sorted(set(self.class_weights) - set(known)):
                    raise ValueError(f"class_weights: label {label!r} is unknown{did_you_mean(label, known)}")
            if any(weight < 0 for weight in self.class_weights.values()):
                raise ValueError("class_weights must not be negative")
        return self

    def labels_of(self, frame: DataFrame) -> list[list[str]]:
        return [[gold] if isinstance(gold, str) else gold for gold in frame["gold"]]

    def check_all_known(
        self, labels: Sequence[str], frames: Mapping[str, DataFrame], where: Mapping[str, Where]
    ) -> None:
        """UserError for the first row that has another label; with `unseen_labels: count` only in training, and
        elsewhere a warning: what can never be predicted counts as an error."""
        for split, frame in frames.items():
            rows, place = self.labels_of(frame), _place(where[split], frame["row"].tolist())
            if split == "train" or self.unseen_labels == "refuse":
                hint = "" if split == "train" else "; set unseen_labels: count to score such labels as errors"
                check_known(rows, labels, split, place, "labels" if self.labels else "training", hint)
            elif strange := unknown(rows, labels):
                row, label = strange[0]
                log.warning(
                    f"{split}: {len(strange):,} labels that training does not have count as errors"
                    f" (first: {label!r}, {place(row)})"
                )


def _place(where: Where, numbers: Sequence[int]) -> Where:
    """How to name the row at a position of a frame, given its numbers in the source."""
    return lambda position: where(numbers[position])


def refuse_twice(key: str, names: Sequence[str] | None) -> None:
    """ValueError for a name that a key's list gives twice."""
    if twice := sorted({name for name in names or () if (names or ()).count(name) > 1}):
        raise ValueError(f"{key} has {twice[0]!r} twice")


class LabelLearner(Learner[TaskT]):
    """Learners of a set of labels: their ids, their weights in the loss, and their names in the model's config."""

    def prepare(self) -> None:
        self.labels = list(self.data.labels or [])
        self.ids = {label: number for number, label in enumerate(self.labels)}
        self.weights: torch.Tensor | None = None

    def study(self, train: DataFrame) -> None:
        task: Any = self.task  # a Labelled
        if task.class_weights is not None:
            from snakelm.tasks.weighting import label_weights

            golds: Iterable[Iterable[str]] = task.labels_of(train)
            self.weights = label_weights(task.class_weights, golds, self.labels)

    def head(self) -> dict[str, Any]:
        names = dict(enumerate(self.labels))
        return {"num_labels": len(names), "id2label": names, "label2id": self.ids}
