"""A task type of a user's own, in one file outside the library: is a word in the text?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from snakelm.readers.row import Row
from snakelm.tasks.baselines import Answer, most_frequent
from snakelm.tasks.config import LearnerClass, task_types, training_key
from snakelm.tasks.data import TaskData, Where
from snakelm.tasks.features import Features
from snakelm.tasks.keys import Texts
from snakelm.tasks.learner import Batch, Learner
from snakelm.tasks.metrics import Metrics

if TYPE_CHECKING:
    import torch
    from pandas import DataFrame


def hits_and_misses(predictions: DataFrame) -> dict[str, float]:
    hits = float((predictions["gold"] == predictions["prediction"]).mean())
    return {"hits": hits, "misses": 1 - hits}


def never(task: HasWord, data: TaskData) -> Answer:
    return lambda frame: frame.assign(prediction=0)


@task_types.register("has_word")
class HasWord(Texts):
    """A text, of which is asked whether it has a certain word."""

    word: str = Field("the", description="The word.")
    sharpness: float = training_key(1.0, description="Factor of the logits.", changes_features=False, gt=0)

    metrics = Metrics(hits_and_misses, ("hits", "misses"), lower_is_better=frozenset({"misses"}))
    baselines = {"never": never, "majority": most_frequent}

    def columns(self, rows: Sequence[Row], where: Where) -> dict[str, list[Any]]:
        columns = super().columns(rows, where)
        return columns | {"gold": [int(self.word in text.split()) for text in columns["text"]]}

    def learner(self) -> LearnerClass:
        return HasWordLearner


class HasWordLearner(Learner[HasWord]):
    auto_class = "AutoModelForSequenceClassification"

    def head(self) -> dict[str, Any]:
        return {"num_labels": 2}

    def features(self, frame: DataFrame, split: str) -> Features:
        ids = self.tokenizer(frame["text"].tolist(), truncation=True, max_length=self.max_length)["input_ids"]
        return Features({"input_ids": ids, "labels": frame["gold"].tolist()}, list(range(len(frame))))

    def loss(self, answer: Any, batch: Batch) -> torch.Tensor:
        from torch.nn import functional

        return functional.cross_entropy(answer.logits * self.task.sharpness, batch["labels"], reduction="sum")

    def decode(self, outputs: list[Any], features: Features, frame: DataFrame) -> DataFrame:
        return frame.assign(prediction=[int(logits.argmax()) for logits in outputs])
