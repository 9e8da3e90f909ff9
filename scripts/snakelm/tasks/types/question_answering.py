"""Extractive question answering: the answer is a span of the context, or nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias

from pydantic import Field

from snakelm.core.errors import UserError
from snakelm.metrics.answers import question_answering, question_answering_without
from snakelm.readers.row import Row
from snakelm.readers.rows import column
from snakelm.tasks.config import LearnerClass, task_types, training_key
from snakelm.tasks.data import Where
from snakelm.tasks.features import Features
from snakelm.tasks.keys import Windows
from snakelm.tasks.labels import is_missing, is_missing_list, listed
from snakelm.tasks.learner import Batch, Learner, softmax
from snakelm.tasks.metrics import Metrics
from snakelm.tasks.official import Answered, OfficialFormat
from snakelm.tasks.rows import read_texts

if TYPE_CHECKING:
    import numpy as np
    import torch
    from pandas import DataFrame

    from snakelm.metrics.details import Details
    from snakelm.metrics.predicted import Predicted

CANDIDATES = 20
"""Best beginnings and best ends that are combined into spans."""
Span: TypeAlias = tuple[float, float, int, int]
"""Sum of logits, probability, first character, end."""


def _write_answers(file: TextIO, answered: Iterable[Answered]) -> None:
    file.write("{")
    for number, (row, cells) in enumerate(answered):
        key, text = str(row.get("id", cells["row"])), cells["prediction"] or ""
        file.write((",\n" if number else "\n") + f"{json.dumps(key)}: {json.dumps(text, ensure_ascii=False)}")
    file.write("\n}\n")


ANSWERS = OfficialFormat(".json", _write_answers)
"""SQuAD's {id: answer, …}; a row without `id` goes by its number in the source, from 0. "" is: no answer."""


@task_types.register("question_answering")
class QuestionAnswering(Windows):
    """A question, a context, and the answers in it, if it has any (SQuAD 1 and 2)."""

    question_column: str = Field("question", description="Column with the question.")
    context_column: str = Field("context", description="Column with the text that holds the answer.")
    answers_column: str = Field(
        "answers", description="Column with the accepted answers: SQuAD's {text, answer_start}, a list or one text."
    )
    answer_start_column: str | None = Field(
        None, description="Column with the answers' offsets in characters, where they stand apart from the answers."
    )
    max_answer_length: int = training_key(
        30, description="Longest answer that is considered, in tokens.", changes_features=False, ge=1
    )

    metrics = Metrics(question_answering, ("f1", "exact_match"), without=question_answering_without, unit="context")
    inputs = ("question", "context")

    def text_columns(self) -> list[str]:
        return [self.context_column, self.question_column]

    def columns(self, rows: Sequence[Row], where: Where) -> dict[str, list[Any]]:
        columns = self.input_columns(rows, where)
        answers = [_answers(row, self, context) for row, context in zip(rows, columns["context"], strict=True)]
        return columns | {"gold": [texts for texts, _ in answers], "starts": [starts for _, starts in answers]}

    def input_columns(self, rows: Sequence[Row], where: Where) -> dict[str, list[Any]]:
        return {
            "question": read_texts(rows, self.question_column),
            "context": read_texts(rows, self.context_column),
        }

    def answer_column(self) -> str | None:
        return self.answers_column

    def has_answer(self, row: Row) -> bool:
        return super().has_answer(row) or bool(row.get("is_impossible"))  # SQuAD 2: known to have no answer

    @classmethod
    def details(cls, predicted: Predicted) -> Details:
        from snakelm.metrics.answers import answerable, exact_matches
        from snakelm.metrics.details import Details
        from snakelm.metrics.errors import shown_text, wrong_rows
        from snakelm.metrics.groups import groups

        first = predicted.first
        wrong = [not right for right in exact_matches(first)]
        gold = [" | ".join(answers) for answers in first["gold"]]
        return Details(
            groups=groups(predicted, answerable(first), "f1", question_answering, question_answering_without),
            errors=wrong_rows(first, wrong, shown_text(first, ("question",)), gold, list(first["prediction"])),
        )

    def official_format(self, row: Row) -> OfficialFormat | None:
        return ANSWERS

    def learner(self) -> LearnerClass:
        return QuestionAnsweringLearner


def _answers(row: Row, task: QuestionAnswering, context: str) -> tuple[list[str], list[int]]:
    """The accepted answers and their offsets, in any of the usual shapes; looked up where no offset is given."""
    cell: Any = column(row, task.answers_column)
    starts: Any = column(row, task.answer_start_column) if task.answer_start_column else None
    if isinstance(cell, dict):
        starts = cell.get("answer_start") if starts is None else starts
        if "text" not in cell:
            raise UserError(f"{row.where}: column {task.answers_column} must hold the answers' texts under text")
        cell = cell["text"]
    cell = listed(cell)
    if is_missing_list(cell) or isinstance(cell, str) and not cell:
        cell = []
    if not hasattr(cell, "__iter__"):
        raise UserError(f"{row.where}: column {task.answers_column} must hold text, found {type(cell).__name__}")
    items: list[Any] = [cell] if isinstance(cell, str) else list(cell)
    if items and isinstance(items[0], dict):
        starts = [item.get("answer_start") for item in items] if starts is None else starts
        items = [item.get("text") for item in items]
    if any(not isinstance(item, str) for item in items):
        raise UserError(f"{row.where}: column {task.answers_column} must hold the answers' texts")
    if starts is None or isinstance(starts, str) or not hasattr(starts, "__iter__"):
        starts = [] if starts is None else [starts]
    starts = list(starts) or [None] * len(items)
    if len(starts) == len(items):  # an answer without text is no answer
        starts = [start for start, text in zip(starts, items, strict=True) if text.strip()]
        items = [text for text in items if text.strip()]
    if len(starts) != len(items):
        raise UserError(f"{row.where}: {len(items)} answers but {len(starts)} offsets")
    found = []
    for text, start in zip(items, starts, strict=True):
        try:
            at = context.find(text) if is_missing(start) else int(start)
        except (TypeError, ValueError, OverflowError):
            raise UserError(
                f"{row.where}: the offset of an answer must be a number, found {str(start)[:40]!r}"
            ) from None
        if at < 0 or context[at : at + len(text)] != text:
            there = context[max(at, 0) : max(at, 0) + len(text)]
            raise UserError(
                f"{row.where}: the answer {text[:40]!r} is not "
                + (
                    "in the context"
                    if is_missing(start)
                    else f"at its offset {at}, where the context has {there[:40]!r}"
                )
            )
        found.append(at)
    return items, found


class QuestionAnsweringLearner(Learner[QuestionAnswering]):
    """Question and context, long contexts in windows that overlap by `stride` tokens; first and last token of the
    answer are learnt by cross-entropy over the window's tokens. A window without the whole answer points at the null
    position: the first token where the tokenizer begins with a special one (encoders), else the last. A causal model
    gets an end token after each window for that: it has seen everything, and is no token of the context. Windows are
    merged by the sum of the logits, as the BERT paper does.
    """

    auto_class = "AutoModelForQuestionAnswering"
    facts = ("may_abstain",)

    def prepare(self) -> None:
        end = self.tokenizer.eos_token_id if self.tokenizer.eos_token_id is not None else self.tokenizer.sep_token_id
        self.ends = [end] if self.network == "decoder" and end is not None else []

    def study(self, train: DataFrame) -> None:
        self.may_abstain = any(len(answers) == 0 for answers in train["gold"])

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
            if split != "test":
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
        from torch.nn import functional

        start_BL, end_BL = (logits.float() for logits in (answer.start_logits, answer.end_logits))
        hidden = batch["attention_mask"] == 0
        return (
            functional.cross_entropy(start_BL.masked_fill(hidden, -1e4), batch["labels"][:, 0], reduction="sum")
            + functional.cross_entropy(end_BL.masked_fill(hidden, -1e4), batch["labels"][:, 1], reduction="sum")
        ) / 2

    def outputs(self, answer: Any, batch: Batch) -> list[np.ndarray]:
        import torch

        both_B2L = torch.stack([answer.start_logits, answer.end_logits], 1).float().cpu().numpy()
        lengths = batch["attention_mask"].sum(1).tolist()
        return [both[:, :length] for both, length in zip(both_B2L, lengths, strict=True)]

    def decode(self, outputs: list[np.ndarray], features: Features, frame: DataFrame) -> DataFrame:
        import numpy as np

        best: list[Span] = [(-np.inf, 0.0, 0, 0)] * len(frame)
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

    def _best_span(self, start_L: np.ndarray, end_L: np.ndarray, spans: list[list[int]]) -> Span:
        """(sum of logits, probability, first character, end) of the window's best span within the context."""
        import numpy as np

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
