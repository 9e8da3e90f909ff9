"""Language modelling on new text: how likely a model holds it to be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from snakelm.metrics.likelihood import language_modeling, language_modeling_without
from snakelm.tasks.config import LearnerClass, task_types
from snakelm.tasks.features import IGNORED, Features
from snakelm.tasks.keys import LabelSmoothing, Texts, Windows
from snakelm.tasks.learner import Batch
from snakelm.tasks.likelihood import LikelihoodLearner
from snakelm.tasks.metrics import Metrics

if TYPE_CHECKING:
    import numpy as np
    import torch
    from pandas import DataFrame

MASKED_SHARE = 0.15


@task_types.register("language_modeling")
class LanguageModeling(Windows, LabelSmoothing, Texts):
    """A text, to adapt to and to be judged by its likelihood."""

    metrics = Metrics(
        language_modeling,
        ("bits_per_byte", "perplexity"),
        lower_is_better=frozenset({"bits_per_byte", "perplexity"}),
        without=language_modeling_without,
    )
    networks = ("encoder", "decoder")
    needs = "an encoder or a decoder (an encoder-decoder has no likelihood of plain text)"

    def learner(self) -> LearnerClass:
        return LanguageModelingLearner


class LanguageModelingLearner(LikelihoodLearner[LanguageModeling]):
    """Learns to go on from (causal) or fill in (masked) the training texts, and reports bits per byte of the others.

    Texts longer than max_length are read in windows; each window scores what the one before did not, and sees
    `stride` tokens of it. The masks of a masked model (15 % of the tokens, 8 of 10 of them replaced by the mask, 1
    by a random token) depend on seed, epoch and position alone.
    """

    def prepare(self) -> None:
        from snakelm.training import masking

        super().prepare()
        self.ordinary = masking.ordinary_tokens(self.tokenizer)

    def features(self, frame: DataFrame, split: str) -> Features:
        encoded = self.tokenizer(frame["text"].tolist(), add_special_tokens=False, return_attention_mask=False)
        columns: dict[str, list[Any]] = {"input_ids": [], "scored": []}
        rows, room = [], self.max_length - self.likelihood.extra
        stride = min(self.task.stride, room // 2)
        for row, ids in enumerate(encoded["input_ids"]):
            if split == "train" and not ids:
                continue
            for begin, known, end in _windows(len(ids), room, stride):
                wrapped, inside = self.likelihood.wrap(ids[begin:end])
                if known:  # these were scored by the window before
                    first = inside.index(1)
                    inside = [0 if first <= at < first + known else flag for at, flag in enumerate(inside)]
                columns["input_ids"].append(wrapped)
                columns["scored"].append(inside)
                rows.append(row)
        if split == "train":
            columns["labels"] = [
                [token if flag else IGNORED for token, flag in zip(ids, flags, strict=True)]
                for ids, flags in zip(columns["input_ids"], columns["scored"], strict=True)
            ]
        counts = [len(ids) for ids in encoded["input_ids"]]
        return Features(columns, rows, {"tokens": counts})

    def vary(self, item: dict[str, Any], random: np.random.Generator) -> dict[str, Any]:
        import numpy as np

        from snakelm.training import masking

        if self.network != "encoder":
            return item
        ids, open_ = np.array(item["input_ids"]), np.flatnonzero(item["scored"])
        chosen = random.permutation(open_)[: max(1, round(MASKED_SHARE * len(open_)))]
        labels = np.full(len(ids), IGNORED)
        labels[chosen] = ids[chosen]
        masking.hide(ids, chosen, random, self.tokenizer.mask_token_id, self.ordinary)
        return item | {"input_ids": ids.tolist(), "labels": labels.tolist()}

    def items(self, batch: Batch) -> int:
        return int((self._targets(batch) != IGNORED).sum())

    def _targets(self, batch: Batch) -> torch.Tensor:
        return batch["labels"][:, 1:] if self.network == "decoder" else batch["labels"]

    def loss(self, answer: Any, batch: Batch) -> torch.Tensor:
        from torch.nn import functional

        logits_BLV = answer.logits[:, :-1] if self.network == "decoder" else answer.logits
        return functional.cross_entropy(
            logits_BLV.float().transpose(1, 2),
            self._targets(batch),
            ignore_index=IGNORED,
            reduction="sum",
            label_smoothing=self.task.label_smoothing,
        )

    def decode(self, outputs: list[float], features: Features, frame: DataFrame) -> DataFrame:
        import numpy as np

        nats = np.zeros(len(frame))
        np.add.at(nats, features.row, outputs)
        tokens = np.array(features.notes["tokens"])
        if self.network == "decoder" and self.likelihood.before is None:
            nats += (tokens > 0) * math.log(len(self.tokenizer))
        sizes = [len(text.encode()) for text in frame["text"]]
        return frame.assign(nats=nats, tokens=tokens, bytes=sizes)


def _windows(length: int, room: int, stride: int) -> list[tuple[int, int, int]]:
    """(first token, how many from it on were scored before, end) of each window over a text."""
    windows, end = [], 0
    while True:
        begin = max(0, end - stride) if end else 0
        known, end = end - begin, min(length, begin + room)
        windows.append((begin, known, end))
        if end >= length:
            return windows
