"""What a kind of task has to say; everything else (training, batching, selecting, writing) is the same for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from snakelm.finetune.config import TaskConfig
from snakelm.finetune.data import TaskData
from snakelm.finetune.features import TOKENS_PER_BATCH, Features, pad

if TYPE_CHECKING:
    from pandas import DataFrame
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Batch = dict[str, torch.Tensor]


class Kind:
    """A task on one tokenizer: makes features of its rows, a loss and outputs of a model's answers, predictions of
    the outputs. It holds no weights, so all seeds and grid points share it.

    Subclasses set `auto_class` and implement `features`, `loss`, `outputs` and `decode`.
    """

    auto_class: str
    """Name of the transformers Auto class whose head the task needs."""
    tokens_per_batch = TOKENS_PER_BATCH
    """Padded tokens per forward pass of predictions: fixed, so that predictions do not depend on circumstance."""
    trains = True
    """Whether anything is learnt; zero-shot kinds only score."""

    def __init__(
        self, task: TaskConfig, data: TaskData, tokenizer: PreTrainedTokenizerBase, max_length: int, objective: str
    ):
        self.task, self.data, self.tokenizer, self.max_length = task, data, tokenizer, max_length
        self.objective = objective

    def head(self) -> dict[str, Any]:
        """Keys of the model's config that the head needs."""
        return {}

    def fits(self, model: PreTrainedModel) -> bool:
        """Whether transformers' own head does for this task; else the one of `heads` is taken."""
        return True

    def features(self, frame: DataFrame, split: str) -> Features:
        """The rows of a split as features. Those of train carry labels; those of validation may, for its loss."""
        raise NotImplementedError

    def vary(self, item: dict[str, Any], random: np.random.Generator) -> dict[str, Any]:
        """A feature as it is learnt from this time (masks); `random` depends on seed, epoch and position alone."""
        return item

    def collate(self, items: list[dict[str, Any]]) -> Batch:
        return pad(items, self.tokenizer.pad_token_id)

    def items(self, batch: Batch) -> int:
        """How many labels a batch is scored on: the loss of an update is the mean over them."""
        return len(batch["labels"])

    def forward(self, model: torch.nn.Module, batch: Batch) -> Any:
        """The model's answer to a batch."""
        return model(**inputs_of(batch))

    def loss(self, answer: Any, batch: Batch) -> torch.Tensor:
        """The sum of the losses of a batch's labels, in float32."""
        raise NotImplementedError

    def outputs(self, answer: Any, batch: Batch) -> list[Any]:
        """What decoding needs of the model's answer, one NumPy array per feature."""
        return list(answer.logits.float().cpu().numpy())

    def decode(self, outputs: list[Any], features: Features, frame: DataFrame) -> DataFrame:
        """One row of predictions per row of the frame, in its order: gold, prediction, score and the like."""
        raise NotImplementedError

    def finish(self, model: PreTrainedModel) -> None:
        """Last changes to a trained model before it is saved."""


def inputs_of(batch: Batch) -> Batch:
    """A batch without what is not the model's to see."""
    return {name: values for name, values in batch.items() if name in ("input_ids", "attention_mask", "token_type_ids")}
