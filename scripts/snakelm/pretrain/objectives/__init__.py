"""What a model learns to predict. One module for each objective: its config, its keys and its batches."""

from __future__ import annotations

from snakelm.core.registry import Registry
from snakelm.pretrain.config import ModelConfig

objectives = Registry(
    "objective", key="objective", base=ModelConfig, package="snakelm.pretrain.objectives", default="clm"
)
