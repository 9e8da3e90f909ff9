"""Types with one answer per text or pair of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import Field

from snakelm.readers.row import Row
from snakelm.tasks.data import Where
from snakelm.tasks.features import Features
from snakelm.tasks.keys import Pooling, Texts
from snakelm.tasks.learner import Learner
from snakelm.tasks.rows import read_texts

if TYPE_CHECKING:
    from pandas import DataFrame


class TextTask(Pooling, Texts):
    """A text or a pair of texts, and something to say of it."""

    text_pair_column: str | None = Field(None, description="Column with the second text, for pairs.")

    inputs = ("text", "text_pair")

    def text_columns(self) -> list[str]:
        return [self.text_column, *([self.text_pair_column] if self.text_pair_column else [])]

    def input_columns(self, rows: Sequence[Row], where: Where) -> dict[str, list[Any]]:
        columns = super().input_columns(rows, where)
        if self.text_pair_column is not None:
            columns["text_pair"] = read_texts(rows, self.text_pair_column)
        return columns


TextTaskT = TypeVar("TextTaskT", bound=TextTask)


class TextLearner(Learner[TextTaskT]):
    """Text or pair of texts, cut at max_length (the longer of a pair first) → one row of logits."""

    auto_class = "AutoModelForSequenceClassification"

    def prepare(self) -> None:
        super().prepare()
        self.pooling = self.task.pooling

    def features(self, frame: DataFrame, split: str) -> Features:
        pairs = frame["text_pair"].tolist() if "text_pair" in frame else None
        encoded = self.tokenizer(
            frame["text"].tolist(), pairs, truncation=True, max_length=self.max_length, return_attention_mask=False
        )
        columns = {name: list(values) for name, values in encoded.items()}
        if split != "test":
            columns["labels"] = self.targets(frame)
        return Features(columns, list(range(len(frame))))

    def targets(self, frame: DataFrame) -> list[Any]:
        """What is learnt of each row."""
        raise NotImplementedError
