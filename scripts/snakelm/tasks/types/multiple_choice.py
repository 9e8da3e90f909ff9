"""Multiple choice: each choice is read with its question, and the best scored one is the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from snakelm.core.errors import UserError
from snakelm.metrics.choices import multiple_choice, multiple_choice_without
from snakelm.readers.row import Row
from snakelm.readers.rows import column
from snakelm.tasks.baselines import most_frequent
from snakelm.tasks.config import LearnerClass, task_types
from snakelm.tasks.data import Where
from snakelm.tasks.features import Features, pad
from snakelm.tasks.keys import LabelSmoothing, Pooling
from snakelm.tasks.labels import is_missing, listed
from snakelm.tasks.learner import Batch, Learner, softmax
from snakelm.tasks.metrics import Metrics
from snakelm.tasks.official import OfficialFormat, lines
from snakelm.tasks.rows import as_utf8, read_texts

if TYPE_CHECKING:
    import numpy as np
    import torch
    from pandas import DataFrame

    from snakelm.metrics.details import Details
    from snakelm.metrics.predicted import Predicted


@task_types.register("multiple_choice")
class MultipleChoice(Pooling, LabelSmoothing):
    """A question, its choices, and which of them is right."""

    question_column: str = Field("question", description="Column with the question (or beginning of a sentence).")
    choices: str | list[str] = Field(
        "choices", description="Column with the list of choices, or a list of columns with one choice each."
    )
    label_column: str = Field(
        "label", description="Column with the right choice: its index from 0, a letter from A, or the choice itself."
    )

    metrics = Metrics(multiple_choice, ("accuracy",), without=multiple_choice_without)
    inputs = ("text", "choices")
    baselines = {"majority": most_frequent}

    def text_columns(self) -> list[str]:
        return [self.question_column]

    def gold_column(self) -> str | None:
        return self.label_column

    def columns(self, rows: Sequence[Row], where: Where) -> dict[str, list[Any]]:
        columns: dict[str, list[Any]] = {"text": read_texts(rows, self.question_column), "choices": [], "gold": []}
        for row in rows:
            choices, names = self._choices(row)
            label = column(row, self.label_column)
            columns["choices"].append(choices)
            named = len(names) == len(choices) and names.count(str(label).strip()) == 1
            columns["gold"].append(names.index(str(label).strip()) if named else _chosen(row, label, choices))
        return columns

    def input_columns(self, rows: Sequence[Row], where: Where) -> dict[str, list[Any]]:
        return {"text": read_texts(rows, self.question_column), "choices": [self._choices(row)[0] for row in rows]}

    def _choices(self, row: Row) -> tuple[list[str], list[str]]:
        """The choices of a row, and what they are called in it, if anything."""
        cells: Any = (
            column(row, self.choices) if isinstance(self.choices, str) else [column(row, n) for n in self.choices]
        )
        names: list[str] = []
        if isinstance(cells, dict):  # ARC and CommonsenseQA: {text: […], label: […]}
            names, cells = [str(name) for name in cells.get("label") or []], cells.get("text")
        if isinstance(cells := listed(cells), str) or not hasattr(cells, "__len__") or len(cells) < 2:
            raise UserError(f"{row.where}: needs a list of at least two choices")
        for number, choice in enumerate(cells, 1):
            if is_missing(choice) and self.empty_texts != "keep":
                raise UserError(f"{row.where}: choice {number} is empty; give a text, or set empty_texts: keep")
        return ["" if is_missing(choice) else as_utf8(str(choice), row, "choices") for choice in cells], names

    @classmethod
    def details(cls, predicted: Predicted) -> Details:
        from snakelm.metrics.details import Details
        from snakelm.metrics.errors import shown_text, wrong_rows
        from snakelm.metrics.probabilities import calibration

        first = predicted.first
        right = [(table["gold"] == table["prediction"]).to_numpy() for table in predicted]
        chances = [table["score"] for table in predicted if "score" in table]
        gold, guess = (
            [str(choices[at]) if at < len(choices) else "" for choices, at in zip(first["choices"], side, strict=True)]
            for side in (first["gold"], first["prediction"])
        )
        return Details(
            calibration=calibration(predicted, chances, right, "rows") if chances else None,
            errors=wrong_rows(first, ~right[0], shown_text(first), gold, guess),
        )

    def official_format(self, row: Row) -> OfficialFormat | None:
        return lines()

    def learner(self) -> LearnerClass:
        return MultipleChoiceLearner


def _chosen(row: Row, label: Any, choices: list[str]) -> int:
    """The index of the right choice, given as an index from 0, a letter from A, or the choice itself."""
    text = str(label).strip()
    if text.endswith(".0"):
        text = text[:-2]
    if text.isdecimal() and int(text) < len(choices):
        if isinstance(label, str) and text in choices and choices.index(text) != int(text):
            raise UserError(f"{row.where}: {text!r} may be a choice or the number of another; give a letter (from A)")
        return int(text)
    if choices.count(str(label)) == 1:
        return choices.index(str(label))
    if len(text) == 1 and 0 <= (index := ord(text.upper()) - ord("A")) < len(choices):
        return index
    raise UserError(
        f"{row.where}: {text!r} names none of the {len(choices)} choices"
        " (an index from 0, a letter from A, or the choice itself)"
    )


class MultipleChoiceLearner(Learner[MultipleChoice]):
    """A sequence classifier with one output scores every (question, choice); cross-entropy over a row's choices,
    of which rows may have different numbers. Where both together are too long, the longer of the two is cut.
    """

    auto_class = "AutoModelForSequenceClassification"

    def prepare(self) -> None:
        self.pooling = self.task.pooling

    def head(self) -> dict[str, Any]:
        return {"num_labels": 1, "id2label": {0: "choice"}, "label2id": {"choice": 0}}

    def features(self, frame: DataFrame, split: str) -> Features:
        import numpy as np

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
        import torch

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
        import torch

        scores_N = super().forward(model, batch).logits.float()[:, 0]
        return torch.nn.utils.rnn.pad_sequence(
            scores_N.split(batch["counts"].tolist()), batch_first=True, padding_value=float("-inf")
        )

    def loss(self, answer: torch.Tensor, batch: Batch) -> torch.Tensor:
        from torch.nn import functional

        return functional.cross_entropy(answer, batch["labels"], reduction="sum")

    def outputs(self, answer: torch.Tensor, batch: Batch) -> list[np.ndarray]:
        return [scores[:count] for scores, count in zip(answer.cpu().numpy(), batch["counts"].tolist(), strict=True)]

    def decode(self, outputs: list[np.ndarray], features: Features, frame: DataFrame) -> DataFrame:
        chances = [softmax(scores) for scores in outputs]
        return frame.assign(
            prediction=[int(each.argmax()) for each in chances], score=[float(each.max()) for each in chances]
        )
