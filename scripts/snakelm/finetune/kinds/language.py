"""Language modelling on new text, and minimal pairs: both ask how likely a model holds a text to be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from snakelm.core.errors import UserError
from snakelm.finetune.features import IGNORED, Features
from snakelm.finetune.kinds.base import Batch, Kind
from snakelm.finetune.likelihood import Likelihood
from snakelm.training import masking

if TYPE_CHECKING:
    from pandas import DataFrame

MASKED_SHARE = 0.15


class _Scored(Kind):
    """Kinds whose predictions are likelihoods."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self.auto_class = {"mlm": "AutoModelForMaskedLM", "clm": "AutoModelForCausalLM"}.get(
            self.objective, "AutoModelForSeq2SeqLM"
        )
        self.likelihood = Likelihood(self.tokenizer, self.objective)
        if self.objective == "mlm":
            self.tokens_per_batch = 1024  # every token costs a forward pass

    def forward(self, model: torch.nn.Module, batch: Batch) -> Any:
        if "labels" in batch:
            return model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
        return self.likelihood.nats(model, batch["input_ids"], batch["attention_mask"], batch["scored"])

    def outputs(self, answer: torch.Tensor, batch: Batch) -> list[float]:
        return answer.tolist()


class LanguageModeling(_Scored):
    """Learns to go on from (causal) or fill in (masked) the training texts, and reports bits per byte of the others.

    Texts longer than max_length are read in windows; each window scores what the one before did not, and sees
    `stride` tokens of it. The masks of a masked model (15 % of the tokens, 8 of 10 of them replaced by the mask, 1
    by a random token) depend on seed, epoch and position alone.
    """

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        if self.objective == "span_denoising":
            raise UserError("language_modeling needs a causal or a masked model; this one is an encoder-decoder")
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
        if self.objective != "mlm":
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
        return batch["labels"][:, 1:] if self.objective == "clm" else batch["labels"]

    def loss(self, answer: Any, batch: Batch) -> torch.Tensor:
        logits_BLV = answer.logits[:, :-1] if self.objective == "clm" else answer.logits
        return functional.cross_entropy(
            logits_BLV.float().transpose(1, 2),
            self._targets(batch),
            ignore_index=IGNORED,
            reduction="sum",
            label_smoothing=self.task.label_smoothing,
        )

    def decode(self, outputs: list[float], features: Features, frame: DataFrame) -> DataFrame:
        nats = np.zeros(len(frame))
        np.add.at(nats, features.row, outputs)
        tokens = np.array(features.notes["tokens"])
        if self.objective == "clm" and self.likelihood.before is None:
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


class MinimalPairs(_Scored):
    """Which of two sentences is the likelier, without training (BLiMP; Warstadt et al. 2020). A tie is an error."""

    trains = False

    def features(self, frame: DataFrame, split: str) -> Features:
        sentences = [sentence for pair in zip(frame["good"], frame["bad"], strict=True) for sentence in pair]
        encoded = self.tokenizer(sentences, add_special_tokens=False, return_attention_mask=False)["input_ids"]
        longest = max(map(len, encoded)) + self.likelihood.extra
        if longest > self.max_length:
            number = max(range(len(encoded)), key=lambda at: len(encoded[at]))
            raise UserError(
                f"{self.data.where[split](frame['row'].iloc[number // 2])}: the sentence has {longest} tokens, but the"
                f" model reads {self.max_length}; a pair that is cut cannot be compared"
            )
        wrapped = [self.likelihood.wrap(ids) for ids in encoded]
        columns = {"input_ids": [ids for ids, _ in wrapped], "scored": [flags for _, flags in wrapped]}
        return Features(columns, [number // 2 for number in range(len(encoded))])

    def decode(self, outputs: list[float], features: Features, frame: DataFrame) -> DataFrame:
        good, bad = np.array(outputs[0::2]), np.array(outputs[1::2])
        return frame.assign(
            gold=0, prediction=(bad <= good).astype(int), nats_good=good, nats_bad=bad, score=np.abs(bad - good)
        )
