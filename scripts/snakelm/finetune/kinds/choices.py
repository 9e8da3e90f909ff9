"""Multiple choice: each choice is read with its question, and the best scored one is the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from snakelm.finetune.features import Features, pad
from snakelm.finetune.kinds.base import Batch, Kind
from snakelm.finetune.kinds.sequence import softmax

if TYPE_CHECKING:
    from pandas import DataFrame


class MultipleChoice(Kind):
    """A sequence classifier with one output scores every (question, choice); cross-entropy over a row's choices,
    of which rows may have different numbers. Where both together are too long, the longer of the two is cut.
    """

    auto_class = "AutoModelForSequenceClassification"

    def head(self) -> dict[str, Any]:
        return {"num_labels": 1, "id2label": {0: "choice"}, "label2id": {"choice": 0}}

    def features(self, frame: DataFrame, split: str) -> Features:
        counts = [len(choices) for choices in frame["choices"]]
        texts = [text for text, count in zip(frame["text"], counts, strict=True) for _ in range(count)]
        choices = [choice for choices in frame["choices"] for choice in choices]
        encoded = self.tokenizer(
            texts, choices, truncation=True, max_length=self.max_length, return_attention_mask=False
        )
        ends = np.cumsum(counts)
        columns = {
            name: [values[end - count : end] for end, count in zip(ends, counts, strict=True)]
            for name, values in encoded.items()
        }
        sizes = [count * max(map(len, ids)) for count, ids in zip(counts, columns["input_ids"], strict=True)]
        if split != "test":
            columns["labels"] = frame["gold"].tolist()
        return Features(columns, list(range(len(frame))), sizes=sizes)

    def collate(self, items: list[dict[str, Any]]) -> Batch:
        flat = []
        for item in items:
            names = [name for name in item if name != "labels"]
            flat += [
                dict(zip(names, values, strict=True)) for values in zip(*(item[name] for name in names), strict=True)
            ]
        batch = pad(flat, self.tokenizer.pad_token_id)
        batch["counts"] = torch.tensor([len(item["input_ids"]) for item in items])
        if "labels" in items[0]:
            batch["labels"] = torch.tensor([item["labels"] for item in items])
        return batch

    def forward(self, model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        """Scores (rows, most choices), −∞ where a row has fewer."""
        scores_N = super().forward(model, batch).logits.float()[:, 0]
        return torch.nn.utils.rnn.pad_sequence(
            scores_N.split(batch["counts"].tolist()), batch_first=True, padding_value=float("-inf")
        )

    def loss(self, answer: torch.Tensor, batch: Batch) -> torch.Tensor:
        return functional.cross_entropy(answer, batch["labels"], reduction="sum")

    def outputs(self, answer: torch.Tensor, batch: Batch) -> list[np.ndarray]:
        return [scores[:count] for scores, count in zip(answer.cpu().numpy(), batch["counts"].tolist(), strict=True)]

    def decode(self, outputs: list[np.ndarray], features: Features, frame: DataFrame) -> DataFrame:
        chances = [softmax(scores) for scores in outputs]
        return frame.assign(
            prediction=[int(each.argmax()) for each in chances], score=[float(each.max()) for each in chances]
        )
