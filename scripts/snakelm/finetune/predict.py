"""What a model answers to a split: in batches of like length, returned in the rows' order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from snakelm.console import Progress
from snakelm.finetune.features import Features, batches_by_length
from snakelm.finetune.kinds.base import Kind
from snakelm.training import precision

if TYPE_CHECKING:
    from pandas import DataFrame


def predict(
    kind: Kind, model: torch.nn.Module, features: Features, frame: DataFrame, what: str = "predicting"
) -> tuple[DataFrame, float | None]:
    """Predictions, one row per row of the frame in its order, and the mean loss where the features carry labels.

    Batches hold a fixed number of padded tokens, longest first, so memory peaks at once and neither the
    micro-batch nor the number of workers has a say in the predictions.
    """
    device = next(model.parameters()).device
    format = precision.resolve(kind.task.precision)
    outputs: list[Any] = [None] * len(features)
    total, items = 0.0, 0
    was_training = model.training
    model.eval()
    with torch.no_grad(), Progress(what, len(features), "texts") as bar:
        for numbers in batches_by_length(features.lengths(), kind.tokens_per_batch):
            batch = kind.collate([features[number] for number in numbers])
            batch = {name: values.to(device) for name, values in batch.items()}
            with torch.autocast(device.type, getattr(torch, format), enabled=format != "float32"):
                answer = kind.forward(model, batch)
            if "labels" in batch:
                total += float(kind.loss(answer, batch))
                items += kind.items(batch)
            for number, output in zip(numbers, kind.outputs(answer, batch), strict=True):
                outputs[number] = output
            bar.advance(len(numbers))
    model.train(was_training)
    return kind.decode(outputs, features, frame), total / items if items else None
