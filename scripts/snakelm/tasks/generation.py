"""Types that write text, by encoder-decoders, or by causal models as a continuation: a source and a target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import Field

from snakelm.architectures.names import Network
from snakelm.core.errors import UserError
from snakelm.readers.row import Row
from snakelm.tasks.config import LearnerClass, training_key
from snakelm.tasks.data import Where
from snakelm.tasks.features import IGNORED, Features, pad
from snakelm.tasks.keys import LabelSmoothing
from snakelm.tasks.learner import Batch, Learner, inputs_of
from snakelm.tasks.official import OfficialFormat, lines
from snakelm.tasks.rows import read_texts

if TYPE_CHECKING:
    import numpy as np
    import torch
    from pandas import DataFrame


class Generation(LabelSmoothing):
    """A source and a target text."""

    source_column: str = Field("source", description="Column with the source text.")
    target_column: str = Field("target", description="Column with the target text.")
    source_prefix: str = training_key("", description="Text before each source, such as 'summarize: '.")
    separator: str = training_key(
        "\n", description="Text between source and target where a causal model does the task as a continuation."
    )
    max_target_length: int = training_key(
        64, description="Longest target that is learnt or generated, in tokens.", ge=2
    )
    beams: int = training_key(
        1, description="Beams of the search when generating; 1 is greedy.", changes_features=False, ge=1
    )

    networks = ("decoder", "encoder-decoder")
    needs = "a model that writes text: a decoder, or an encoder-decoder such as t5"

    def text_columns(self) -> list[str]:
        return [self.source_column, self.target_column]

    def columns(self, rows: Sequence[Row], where: Where) -> dict[str, list[Any]]:
        return self.input_columns(rows, where) | {"gold": read_texts(rows, self.target_column)}

    def input_columns(self, rows: Sequence[Row], where: Where) -> dict[str, list[Any]]:
        return {"text": read_texts(rows, self.source_column)}

    def answer_column(self) -> str | None:
        return self.target_column

    def problems(self, network: Network, positions: int | None) -> Iterator[str]:
        yield from super().problems(network, positions)
        longest = self.max_length or positions
        if network == "decoder" and longest and (problem := self.no_room(longest)):
            yield problem

    def no_room(self, longest: int) -> str | None:
        """What is wrong where source and target have to share `longest` tokens; None if they can."""
        if self.max_target_length < longest - 8:
            return None
        return (
            f"max_target_length ({self.max_target_length}) leaves no room for a source in the {longest} tokens that"
            " the model reads"
        )

    def official_format(self, row: Row) -> OfficialFormat | None:
        return lines()

    def learner(self) -> LearnerClass:
        return GenerationLearner


GenerationT = TypeVar("GenerationT", bound=Generation)


class GenerationLearner(Learner[GenerationT]):
    """Source → target, both cut to their greatest length; cross-entropy of the target and its end.

    An encoder-decoder reads `source_prefix` + source. A causal model reads source_prefix + source + `separator` and
    goes on; nothing is learnt of the source. Predictions are searched with `beams`, without sampling.
    """

    tokens_per_batch = 2048

    def prepare(self) -> None:
        self.causal = self.network == "decoder"
        self.auto_class = "AutoModelForCausalLM" if self.causal else "AutoModelForSeq2SeqLM"
        self.end = self.tokenizer.eos_token_id
        if self.end is None:
            raise UserError(f"{self.task.type} needs an end token, and the tokenizer has none; add </s> as eos")
        if self.causal and (problem := self.task.no_room(self.max_length)):
            raise UserError(problem)

    def features(self, frame: DataFrame, split: str) -> Features:
        sources = self._sources(frame["text"].tolist())
        columns: dict[str, list[Any]] = {"input_ids": sources}
        if split == "train":
            targets = [
                [*ids[: self.task.max_target_length - 1], self.end]
                for ids in self.tokenizer(frame["gold"].tolist(), add_special_tokens=False)["input_ids"]
            ]
            columns["labels"] = targets
            if self.causal:
                columns["labels"] = [[*([IGNORED] * len(s)), *t] for s, t in zip(sources, targets, strict=True)]
                columns["input_ids"] = [[*s, *t] for s, t in zip(sources, targets, strict=True)]
        return Features(columns, list(range(len(frame))))

    def _sources(self, texts: list[str]) -> list[list[int]]:
        texts = [self.task.source_prefix + text for text in texts]
        if not self.causal:
            return list(self.tokenizer(texts, truncation=True, max_length=self.max_length)["input_ids"])
        separator: list[int] = self.tokenizer(self.task.separator, add_special_tokens=False)["input_ids"]
        room = self.max_length - self.task.max_target_length - len(separator)
        encoded = self.tokenizer([text + self.task.separator for text in texts], add_special_tokens=False)["input_ids"]
        # Whole prompts are tokenized as a user would give them; only a source that is too long is cut.
        return [ids if len(ids) <= room + len(separator) else [*ids[:room], *separator] for ids in encoded]

    def collate(self, items: list[dict[str, Any]]) -> Batch:
        return pad(items, self.tokenizer.pad_token_id, left=self.causal and "labels" not in items[0])

    def items(self, batch: Batch) -> int:
        return int((batch["labels"] != IGNORED).sum())

    def forward(self, model: Any, batch: Batch) -> torch.Tensor:
        """Logits of the labels, or the generated ids where there are none."""
        if "labels" not in batch:
            return self._generate(model, batch)
        if self.causal:
            logits: torch.Tensor = model(**inputs_of(batch)).logits
            return logits[:, :-1]
        logits = model(**inputs_of(batch), labels=batch["labels"]).logits
        return logits

    def _generate(self, model: Any, batch: Batch) -> torch.Tensor:
        written: torch.Tensor = model.generate(
            **inputs_of(batch),
            max_new_tokens=self.task.max_target_length,
            num_beams=self.task.beams,
            do_sample=False,
            eos_token_id=self.end,
            pad_token_id=self.tokenizer.pad_token_id,
            use_cache=True,
        )
        return written[:, batch["input_ids"].shape[1] :] if self.causal else written

    def loss(self, answer: torch.Tensor, batch: Batch) -> torch.Tensor:
        from torch.nn import functional

        return functional.cross_entropy(
            answer.float().transpose(1, 2),
            batch["labels"][:, 1:] if self.causal else batch["labels"],
            ignore_index=IGNORED,
            reduction="sum",
            label_smoothing=self.task.label_smoothing,
        )

    def outputs(self, answer: torch.Tensor, batch: Batch) -> list[np.ndarray]:
        return list(answer.cpu().numpy())

    def decode(self, outputs: list[np.ndarray], features: Features, frame: DataFrame) -> DataFrame:
        texts = [str(self.tokenizer.decode(ids.tolist(), skip_special_tokens=True)).strip() for ids in outputs]
        return frame.assign(prediction=texts)
