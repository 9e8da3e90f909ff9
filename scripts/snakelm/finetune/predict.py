"""What a model answers to a split: in batches of like length, returned in the rows' order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from snakelm.core.console import Progress
from snakelm.finetune.batching import batches_by_length
from snakelm.tasks.features import Features
from snakelm.tasks.learner import Learner

if TYPE_CHECKING:
    from pandas import DataFrame


def predict(
    learner: Learner[Any], model: torch.nn.Module, features: Features, frame: DataFrame, what: str = "predicting"
) -> tuple[DataFrame, float | None]:
    """Predictions, one row per row of the frame in its order, and the mean loss where the features carry labels.

    Batches hold a fixed number of padded tokens, longest first, so memory peaks at once and neither the
    micro-batch nor the number of workers has a say in the predictions. Always in float32, whatever the training
    was in: whoever loads the model gets the same answers.
    """
    device = next(model.parameters()).device
    outputs: list[Any] = [None] * len(features)
    total, items = 0.0, 0
    was_training = model.training
    model.eval()
    with torch.no_grad(), _as_it_is(model), Progress(what, len(features), "texts") as bar:
        for numbers in batches_by_length(features.lengths(), learner.tokens_per_batch):
            batch = learner.collate([features[number] for number in numbers])
            batch = {name: values.to(device) for name, values in batch.items()}
            answer = learner.forward(model, batch)
            if "labels" in batch:
                total += float(learner.loss(answer, batch))
                items += learner.items(batch)
            for number, output in zip(numbers, learner.outputs(answer, batch), strict=True):
                outputs[number] = output
            bar.advance(len(numbers))
    model.train(was_training)
    return learner.decode(outputs, features, frame), total / items if items else None


@contextmanager
def _as_it_is(model: torch.nn.Module) -> Iterator[None]:
    """Take off the mixed precision that accelerate wraps around a model's forward pass in training."""
    wrapped = model.__dict__.get("forward")
    if wrapped is None or "_original_forward" not in model.__dict__:
        yield
        return
    model.forward = model.__dict__["_original_forward"]
    try:
        yield
    finally:
        model.forward = wrapped
