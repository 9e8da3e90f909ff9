"""Extractive question answering: the answer is a span of the context, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from snakelm.finetune.features import Features
from snakelm.finetune.kinds.base import Batch, Kind
from snakelm.finetune.kinds.sequence import softmax

if TYPE_CHECKING:
    from pandas import DataFrame

CANDIDATES = 20
"""Best beginnings and best ends that are combined into spans."""


class QuestionAnswering(Kind):
    """Question and context, long contexts in windows that overlap by `stride` tokens; first and last token of the
    answer are learnt by cross-entropy over the window's tokens. A window without the whole answer points at the null
    position: the first token where the tokenizer begins with a special one (encoders), else the last. A causal model
    gets an end token after each window for that: it has seen everything, and is no token of the context. Windows are
    merged by the sum of the logits, as the BERT paper does.
    """

    auto_class = "AutoModelForQuestionAnswering"

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        train = self.data.splits["train"]["gold"]
        end = self.tokenizer.eos_token_id if self.tokenizer.eos_token_id is not None else self.tokenizer.sep_token_id
        self.ends = [end] if self.objective == "clm" and end is not None else []
        self.may_abstain = any(len(answers) == 0 for answers in train)

    def features(self, frame: DataFrame, split: str) -> Features:
        # The question may fill half of a window, but some context has to go beside it, and some of that has to be new.
        longest = self.max_length - len(self.ends)
        free = longest - self.tokenizer.num_special_tokens_to_add(pair=True)
        room = max(1, min(self.max_length // 2, free - 4))
        questions = self._short_questions(frame["question"].tolist(), room)
        encoded = self.tokenizer(
            questions,
            frame["context"].tolist(),
            truncation="only_second",
            max_length=longest,
            stride=min(self.task.stride, self.max_length // 4, free - room - 1),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_attention_mask=False,
        )
        rows = list(encoded["overflow_to_sample_mapping"])
        spans, nulls, labels = [], [], []
        for number, row in enumerate(rows):
            of_context = [side == 1 for side in encoded.sequence_ids(number)]
            offsets = [
                list(offset) if inside else [-1, -1]
                for offset, inside in zip(encoded["offset_mapping"][number], of_context, strict=True)
            ]
            offsets += [[-1, -1]] * len(self.ends)
            null = 0 if encoded.sequence_ids(number)[0] is None and not self.ends else len(offsets) - 1
            spans.append(offsets)
            nulls.append(null)
            labels.append(_target(offsets, null, frame["gold"].iloc[row], frame["starts"].iloc[row]))
        names = ("input_ids", "token_type_ids")
        columns: dict[str, list[Any]] = {name: list(encoded[name]) for name in names if name in encoded}
        columns["input_ids"] = [ids + self.ends for ids in columns["input_ids"]]
        if "token_type_ids" in columns:
            columns["token_type_ids"] = [types + [1] * len(self.ends) for types in columns["token_type_ids"]]
        if split != "test":
            columns["labels"] = [list(target) for target in labels]
        remark = None
        if split == "train":
            found = {row for row, target, null in zip(rows, labels, nulls, strict=True) if target != (null, null)}
            lost = sum(len(gold) > 0 for gold in frame["gold"]) - len(found)
            if lost:
                remark = f"{lost:,} answers fit into no window of {self.max_length} tokens: nothing is learnt of them"
        return Features(columns, rows, {"spans": spans, "nulls": nulls}, remark=remark)

    def _short_questions(self, questions: list[str], room: int) -> list[str]:
        """Questions cut to `room` tokens."""
        offsets = self.tokenizer(questions, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        return [
            text if len(spans) <= room else text[: spans[room - 1][1]]
            for text, spans in zip(questions, offsets, strict=True)
        ]

    def loss(self, answer: Any, batch: Batch) -> torch.Tensor:
        start_BL, end_BL = (logits.float() for logits in (answer.start_logits, answer.end_logits))
        hidden = batch["attention_mask"] == 0
        return (
            functional.cross_entropy(start_BL.masked_fill(hidden, -1e4), batch["labels"][:, 0], reduction="sum")
            + functional.cross_entropy(end_BL.masked_fill(hidden, -1e4), batch["labels"][:, 1], reduction="sum")
        ) / 2

    def outputs(self, answer: Any, batch: Batch) -> list[np.ndarray]:
        both_B2L = torch.stack([answer.start_logits, answer.end_logits], 1).float().cpu().numpy()
        lengths = batch["attention_mask"].sum(1).tolist()
        return [both[:, :length] for both, length in zip(both_B2L, lengths, strict=True)]

    def decode(self, outputs: list[np.ndarray], features: Features, frame: DataFrame) -> DataFrame:
        best: list[tuple[float, float, int, int]] = [(-np.inf, 0.0, 0, 0)] * len(frame)
        null = [np.inf] * len(frame)
        for (start_L, end_L), row, spans, at in zip(
            outputs, features.row, features.notes["spans"], features.notes["nulls"], strict=True
        ):
            null[row] = min(null[row], float(start_L[at] + end_L[at]))
            best[row] = max(best[row], self._best_span(start_L, end_L, spans))
        predictions, scores = [], []
        for (logit, chance, begin, end), none, context in zip(best, null, frame["context"], strict=True):
            abstains = self.may_abstain and none > logit
            predictions.append("" if abstains or logit == -np.inf else context[begin:end].strip())
            scores.append(1 - chance if abstains else chance)
        return frame.assign(prediction=predictions, score=scores)

    def _best_span(self, start_L: np.ndarray, end_L: np.ndarray, spans: list[list[int]]) -> tuple:
        """(sum of logits, probability, first character, end) of the window's best span within the context."""
        inside = np.array([begin >= 0 and end > begin for begin, end in spans])
        if not inside.any():
            return (-np.inf, 0.0, 0, 0)
        starts = np.flatnonzero(inside)[np.argsort(-start_L[inside], kind="stable")][:CANDIDATES]
        ends = np.flatnonzero(inside)[np.argsort(-end_L[inside], kind="stable")][:CANDIDATES]
        pairs = [
            (float(start_L[start] + end_L[end]), int(start), int(end))
            for start in starts
            for end in ends
            if start <= end < start + self.task.max_answer_length
        ]
        if not pairs:
            start = int(starts[0])
            pairs = [(float(start_L[start] + end_L[start]), start, start)]
        logit, start, end = max(pairs, key=lambda pair: (pair[0], -pair[1], -pair[2]))
        chance = float(softmax(start_L)[start] * softmax(end_L)[end])
        return (logit, chance, spans[start][0], spans[end][1])


def _target(offsets: list[list[int]], null: int, answers: list[str], starts: list[int]) -> tuple[int, int]:
    """First and last token of the first answer, or the null position where the window does not hold all of it."""
    if not len(answers):
        return null, null
    begin, end = starts[0], starts[0] + len(answers[0])
    first = next((i for i, (low, high) in enumerate(offsets) if low >= 0 and low <= begin < high), None)
    last = next((i for i, (low, high) in enumerate(offsets) if low >= 0 and low < end <= high), None)
    return (null, null) if first is None or last is None else (first, last)
