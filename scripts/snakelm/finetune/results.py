"""What a fine-tuning has found out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from snakelm.architectures.names import Network

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Result:
    """Predictions in the rows' order, and how they came about."""

    test: DataFrame
    validation: DataFrame | None = None
    curve: list[dict[str, Any]] = field(default_factory=list)
    """One dict per step at which a loss or a metric was taken."""
    point: dict[str, Any] = field(default_factory=dict)
    """The grid point that was chosen."""
    tuned: dict[str, float] = field(default_factory=dict)
    """What the predictions were decided by (see `TaskConfig.tuned`)."""
    points: list[dict[str, Any]] = field(default_factory=list)
    """Every grid point with its main metric on validation, where a grid was searched."""


PREDICTOR = "predictor.json"


@dataclass(frozen=True)
class Fitted:
    """predictor.json: what predictions need besides the model, its tokenizer and the task."""

    network: Network
    max_length: int
    """Longest input in tokens."""
    labels: list[str] | None = None
    """In the order of their ids; None for tasks without labels."""
    point: dict[str, Any] = field(default_factory=dict)
    """The grid point that was chosen."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the learner has seen in the training rows (`Learner.facts`)."""
    tuned: dict[str, float] = field(default_factory=dict)
    """What the predictions are decided by (see `TaskConfig.tuned`)."""
