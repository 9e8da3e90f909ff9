"""Tasks with one tag per word: part of speech, named entities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from snakelm.finetune.features import IGNORED, Features
from snakelm.finetune.kinds.base import Batch, Kind
from snakelm.finetune.kinds.sequence import softmax
from snakelm.finetune.weighting import label_weights

if TYPE_CHECKING:
    from pandas import DataFrame


class TokenClassification(Kind):
    """Words joined by blanks, as a pipeline would be given them; the first token of a word stands for it.

    Rows longer than max_length are read in windows that overlap by `stride` tokens; a word is learnt and predicted
    in the window where it is farthest from an edge. A word of which the tokenizer leaves nothing has the prediction
    "", which counts as an error.
    """

    auto_class = "AutoModelForTokenClassification"

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self.ids = {label: number for number, label in enumerate(self.data.labels or [])}
        self.weights = None
        if self.task.class_weights is not None:
            self.weights = label_weights(
                self.task.class_weights, self.data.splits["train"]["gold"], self.data.labels or []
            )

    def head(self) -> dict[str, Any]:
        names = dict(enumerate(self.data.labels or []))
        return {"num_labels": len(names), "id2label": names, "label2id": self.ids}

    def features(self, frame: DataFrame, split: str) -> Features:
        encoded = self.tokenizer(
            [" ".join(words) for words in frame["words"]],
            truncation=True,
            max_length=self.max_length,
            stride=min(self.task.stride, self.max_length // 2),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
            return_attention_mask=False,
        )
        rows = list(encoded["overflow_to_sample_mapping"])
        firsts = []  # per feature: word → position of its first token
        for number, row in enumerate(rows):
            offsets, special = encoded["offset_mapping"][number], encoded["special_tokens_mask"][number]
            firsts.append(_first_tokens(frame["words"].iloc[row], offsets, special))
        lengths = [len(ids) for ids in encoded["input_ids"]]
        words = _best_windows(rows, firsts, lengths)
        lost = sum(map(len, frame["words"])) - sum(map(len, words))
        remark = f"the tokenizer leaves nothing of {lost:,} words: they count as errors" if lost else None
        names = ("input_ids", "token_type_ids")
        columns = {name: list(encoded[name]) for name in names if name in encoded}
        if split != "test":
            columns["labels"] = []
            for row, length, positions in zip(rows, lengths, words, strict=True):
                labels, gold = [IGNORED] * length, frame["gold"].iloc[row]
                for word, position in positions.items():
                    labels[position] = self.ids[gold[word]]
                columns["labels"].append(labels)
        return Features(
            columns, rows, {"words": [list(map(list, positions.items())) for positions in words]}, remark=remark
        )

    def items(self, batch: Batch) -> int:
        return int((batch["labels"] != IGNORED).sum())

    def loss(self, answer: Any, batch: Batch) -> torch.Tensor:
        logits_BLC, labels_BL = answer.logits.float(), batch["labels"]
        loss_BL = functional.cross_entropy(
            logits_BLC.transpose(1, 2),
            labels_BL,
            ignore_index=IGNORED,
            reduction="none",
            label_smoothing=self.task.label_smoothing,
        )
        if self.weights is not None:
            loss_BL = loss_BL * self.weights.to(loss_BL.device)[labels_BL.clamp(min=0)]
        return loss_BL.sum()

    def decode(self, outputs: list[np.ndarray], features: Features, frame: DataFrame) -> DataFrame:
        predictions = [[""] * len(words) for words in frame["words"]]
        scores = [[0.0] * len(words) for words in frame["words"]]
        labels = self.data.labels or []
        for logits_LC, row, words in zip(outputs, features.row, features.notes["words"], strict=True):
            chances_LC = softmax(logits_LC)
            for word, position in words:
                best = int(chances_LC[position].argmax())
                predictions[row][word], scores[row][word] = labels[best], float(chances_LC[position, best])
        return frame.assign(prediction=predictions, score=scores)


def _first_tokens(words: list[str], offsets: list[tuple[int, int]], special: list[int]) -> dict[int, int]:
    """Word → position of the first token that covers its first character, for the words joined by blanks."""
    starts, at = {}, 0
    for word, text in enumerate(words):
        starts[at] = word
        at += len(text) + 1
    firsts: dict[int, int] = {}
    for position, ((begin, end), is_special) in enumerate(zip(offsets, special, strict=True)):
        if not is_special:
            for character in range(begin, end):
                if character in starts:
                    firsts.setdefault(starts[character], position)
    return firsts


def _best_windows(rows: list[int], firsts: list[dict[int, int]], lengths: list[int]) -> list[dict[int, int]]:
    """Leave each word only in the window of its row where it is farthest from an edge."""
    best: dict[tuple[int, int], tuple[int, int]] = {}
    for number, (row, positions, length) in enumerate(zip(rows, firsts, lengths, strict=True)):
        for word, position in positions.items():
            room = min(position, length - 1 - position)
            if (row, word) not in best or room > best[row, word][0]:
                best[row, word] = (room, number)
    return [
        {word: position for word, position in positions.items() if best[rows[number], word][1] == number}
        for number, positions in enumerate(firsts)
    ]
