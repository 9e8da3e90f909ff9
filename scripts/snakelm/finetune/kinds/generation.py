"""Tasks that write text: summaries and translations, by encoder-decoders, or by causal models as a continuation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from snakelm.core.errors import UserError
from snakelm.finetune.features import IGNORED, Features, pad
from snakelm.finetune.kinds.base import Batch, Kind, inputs_of

if TYPE_CHECKING:
    from pandas import DataFrame


class Generation(Kind):
    """Source → target, both cut to their greatest length; cross-entropy of the target and its end.

    An encoder-decoder reads `source_prefix` + source. A causal model reads source_prefix + source + `separator` and
    goes on; nothing is learnt of the source. Predictions are searched with `beams`, without sampling.
    """

    tokens_per_batch = 2048

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self.causal = self.objective == "clm"
        self.auto_class = "AutoModelForCausalLM" if self.causal else "AutoModelForSeq2SeqLM"
        if self.objective == "mlm":
            raise UserError(f"{self.task.type} needs a model that writes text; this one is an encoder")
        self.end = self.tokenizer.eos_token_id
        if self.end is None:
            raise UserError(f"{self.task.type} needs an end token, and the tokenizer has none; add </s> as eos")
        if self.causal and self.task.max_target_length >= self.max_length - 8:
            raise UserError(
                f"max_target_length ({self.task.max_target_length}) leaves no room for a source in the"
                f" {self.max_length} tokens that the model reads"
            )

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
            return self.tokenizer(texts, truncation=True, max_length=self.max_length)["input_ids"]
        separator = self.tokenizer(self.task.separator, add_special_tokens=False)["input_ids"]
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
            return model(**inputs_of(batch)).logits[:, :-1]
        return model(**inputs_of(batch), labels=batch["labels"]).logits

    def _generate(self, model: Any, batch: Batch) -> torch.Tensor:
        written = model.generate(
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
        texts = [self.tokenizer.decode(ids.tolist(), skip_special_tokens=True).strip() for ids in outputs]
        return frame.assign(prediction=texts)
