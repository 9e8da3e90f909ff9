"""Weights of labels in the loss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from snakelm.core.errors import UserError, did_you_mean

if TYPE_CHECKING:
    import torch


def label_weights(
    wanted: str | Mapping[str, float], golds: Iterable[Iterable[str]], labels: Sequence[str]
) -> torch.Tensor:
    """One weight per label, scaled so that the mean weight of a training label is 1: the learning rate keeps its
    meaning. 'balanced' is inverse to the frequency in training; labels that a mapping leaves out weigh 1."""
    import torch

    counts = Counter(label for gold in golds for label in gold)
    if isinstance(wanted, Mapping):
        if strange := sorted(set(wanted) - set(labels)):
            raise UserError(f"class_weights: label {strange[0]!r} is unknown{did_you_mean(strange[0], labels)}")
        weights = [float(wanted.get(label, 1.0)) for label in labels]
    else:
        weights = [1 / counts[label] if counts[label] else 0.0 for label in labels]
    total = sum(weight * counts[label] for weight, label in zip(weights, labels, strict=True))
    if not total:
        raise UserError("class_weights: all labels that occur in training have weight 0")
    return torch.tensor([weight * counts.total() / total for weight in weights])
