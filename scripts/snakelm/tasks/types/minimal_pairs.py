"""Which of two sentences a model holds to be likelier, without training (BLiMP; Warstadt et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from snakelm.core.errors import UserError
from snakelm.metrics.choices import minimal_pairs, minimal_pairs_without
from snakelm.readers.row import Row
from snakelm.readers.rows import column
from snakelm.tasks.config import LearnerClass, TaskConfig, task_types
from snakelm.tasks.data import Where
from snakelm.tasks.features import Features
from snakelm.tasks.likelihood import LikelihoodLearner, word_numbers
from snakelm.tasks.metrics import Metrics
from snakelm.tasks.rows import read_texts

if TYPE_CHECKING:
    from pandas import DataFrame

    from snakelm.metrics.details import Details
    from snakelm.metrics.predicted import Predicted


PHENOMENON = "linguistics_term"
"""What BLiMP calls the column of phenomena."""


@task_types.register("minimal_pairs")
class MinimalPairs(TaskConfig):
    """An acceptable and an unacceptable sentence (BLiMP), without training."""

    good_column: str = Field("sentence_good", description="Column with the acceptable sentence.")
    bad_column: str = Field("sentence_bad", description="Column with the unacceptable sentence.")
    phenomenon_column: str | None = Field(
        PHENOMENON, description="Column by which pairs are also scored; null if there is none."
    )
    pseudo_likelihood: Literal["plain", "within_word_l2r"] = Field(
        "plain",
        description="What a masked model sees when it scores a token: all others (plain), or all but the later ones of "
        "its own word, which give away a rare word (within_word_l2r; Kauf and Ivanova 2023). Nothing changes for other "
        "models.",
    )
    normalize: Literal["none", "tokens"] = Field(
        "none",
        description="What a sentence's log-likelihood is divided by before sentences are compared: nothing, or its "
        "number of tokens, for pairs of different length.",
    )

    metrics = Metrics(minimal_pairs, ("accuracy", "accuracy_by_phenomenon"), without=minimal_pairs_without)
    inputs = ("good", "bad")
    trains = False

    def text_columns(self) -> list[str]:
        return [self.good_column, self.bad_column]

    def columns(self, rows: Sequence[Row], where: Where) -> dict[str, list[Any]]:
        name = self.phenomenon_column
        if name is not None and not any(name in row for row in rows) and name == PHENOMENON:
            name = None
        phenomena = ["all"] * len(rows) if name is None else [str(column(row, name)) for row in rows]
        return {
            "good": read_texts(rows, self.good_column),
            "bad": read_texts(rows, self.bad_column),
            "phenomenon": phenomena,
        }

    @classmethod
    def details(cls, predicted: Predicted) -> Details:
        from snakelm.metrics.details import Details
        from snakelm.metrics.errors import wrong_rows
        from snakelm.metrics.groups import groups

        first = predicted.first
        wrong = first["gold"] != first["prediction"]
        good, bad, phenomena = (list(first[name]) for name in ("good", "bad", "phenomenon"))
        return Details(
            groups=groups(predicted, phenomena, "accuracy", minimal_pairs, minimal_pairs_without),
            errors=wrong_rows(first, wrong, phenomena, good, bad),
        )

    def learner(self) -> LearnerClass:
        return MinimalPairsLearner


class MinimalPairsLearner(LikelihoodLearner[MinimalPairs]):
    """Which of two sentences is the likelier. A tie is an error."""

    def features(self, frame: DataFrame, split: str) -> Features:
        sentences = [sentence for pair in zip(frame["good"], frame["bad"], strict=True) for sentence in pair]
        by_word = self.network == "encoder" and self.task.pseudo_likelihood == "within_word_l2r"
        found = self.tokenizer(
            sentences, add_special_tokens=False, return_attention_mask=False, return_offsets_mapping=by_word
        )
        encoded = found["input_ids"]
        longest = max(map(len, encoded)) + self.likelihood.extra
        if longest > self.max_length:
            number = max(range(len(encoded)), key=lambda at: len(encoded[at]))
            raise UserError(
                f"{self.data.where[split](frame['row'].iloc[number // 2])}: the sentence has {longest} tokens, but the"
                f" model reads {self.max_length}; a pair that is cut cannot be compared"
            )
        wrapped = [self.likelihood.wrap(ids) for ids in encoded]
        columns = {"input_ids": [ids for ids, _ in wrapped], "scored": [flags for _, flags in wrapped]}
        if by_word:
            columns["words"] = [
                self._words(text, found["offset_mapping"][number], found.word_ids(number), flags)
                for number, (text, (_, flags)) in enumerate(zip(sentences, wrapped, strict=True))
            ]
        notes = {} if self.task.normalize == "none" else {"tokens": [sum(flags) for _, flags in wrapped]}
        return Features(columns, [number // 2 for number in range(len(encoded))], notes)

    def _words(
        self, text: str, offsets: Sequence[tuple[int, int]], parts: Sequence[int | None], inside: list[int]
    ) -> list[int]:
        """The word of each token of a wrapped sentence; of those around it, any number."""
        words = iter(word_numbers(text, offsets, parts))
        return [next(words) if flag else 0 for flag in inside]

    def decode(self, outputs: list[float], features: Features, frame: DataFrame) -> DataFrame:
        import numpy as np

        nats = np.array(outputs)
        scores = nats / np.maximum(features.notes["tokens"], 1) if self.task.normalize == "tokens" else nats
        good, bad = scores[0::2], scores[1::2]
        return frame.assign(
            gold=0,
            prediction=(bad <= good).astype(int),
            nats_good=nats[0::2],
            nats_bad=nats[1::2],
            score=np.abs(bad - good),
        )
