"""What the learner of a task type has to say; training, batching, selecting and writing are the same for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from snakelm.architectures.names import Network
from snakelm.tasks.data import TaskData
from snakelm.tasks.features import Features, pad

if TYPE_CHECKING:
    import numpy as np
    import torch
    from pandas import DataFrame
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Batch: TypeAlias = "dict[str, torch.Tensor]"
TaskT = TypeVar("TaskT")
"""The config class of the task type."""


class Learner(Generic[TaskT]):
    """A task on one tokenizer: makes features of its rows, a loss and outputs of a model's answers, predictions of
    the outputs. It holds no weights, so all seeds and grid points share it.

    Subclasses set `auto_class` and implement `features`, `loss`, `outputs` and `decode`. They may stand in the module
    of their type: what needs torch or NumPy imports it itself.
    """

    auto_class: str
    """Name of the transformers Auto class whose head the task needs."""
    pooling = "auto"
    """How a head of ours makes one vector of the tokens' (see the key `pooling`)."""
    tokens_per_batch = 8192
    """Padded tokens per forward pass of predictions: fixed, so that predictions do not depend on runtime settings."""
    facts: tuple[str, ...] = ()
    """Attributes that `study` sets and that predictions need: JSON values, kept with the model."""

    def __init__(
        self, task: TaskT, data: TaskData, tokenizer: PreTrainedTokenizerBase, max_length: int, network: Network
    ):
        self.task, self.data, self.tokenizer, self.max_length = task, data, tokenizer, max_length
        self.network = network
        self.prepare()
        if "train" in data.splits:
            self.study(data.splits["train"])

    def prepare(self) -> None:
        """Make what is needed of task, labels and tokenizer; UserError where they do not go together."""

    def study(self, train: DataFrame) -> None:
        """Make what is needed of the training rows; where a finished model only predicts, there are none."""

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


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities along the last axis."""
    import numpy as np

    powers = np.exp(logits - logits.max(-1, keepdims=True))
    chances: np.ndarray = powers / powers.sum(-1, keepdims=True)
    return chances
