"""What pretraining and fine-tuning say in the same words: how a network is trained. The trainer takes it whole."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from snakelm.core.config import Config, circumstance
from snakelm.core.quantities import Count


class TrainingConfig(Config):
    """Keys of a training, of a model and of a task alike; whoever extends it may give other defaults."""

    batch_size: Count = Field(16, description="Sequences or rows per optimizer step, over all devices.", ge=1)
    micro_batch_size: Count | None = circumstance(
        None,
        description="Sequences or rows per forward pass and device; by default all of the batch, halved when memory "
        "runs out.",
        ge=1,
    )
    epochs: float | None = Field(None, description="Training ends after this many passes over the data.", gt=0)
    steps: Count | None = Field(None, description="Training ends after this many optimizer steps.", gt=0)
    learning_rate: float = Field(1e-3, description="Peak learning rate.", gt=0)
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "linear", description="Learning rate after the warm-up: linear or cosine decay, or constant."
    )
    warmup: float = Field(
        0.05, description="Warm-up of the learning rate: a share of the training, or steps if 1 or more.", ge=0
    )
    optimizer: Literal["adamw", "muon"] = Field(
        "adamw",
        description="What makes steps of gradients: AdamW for all weights, or Muon for the matrices of the hidden "
        "layers and AdamW for the others.",
    )
    weight_decay: float = Field(0.01, description="Weight decay, decoupled from the gradient.", ge=0)
    weight_decay_end: float | None = Field(
        None, description="Weight decay at the end of the training, reached in a straight line.", ge=0
    )
    muon_learning_rate: float | None = Field(
        None,
        description="Optimizer muon: peak learning rate of the matrices; by default learning_rate (Muon's updates are "
        "scaled to the size of AdamW's).",
        gt=0,
    )
    muon_momentum: float = Field(0.95, description="Optimizer muon: decay rate of the momentum.", ge=0, lt=1)
    adam_beta1: float = Field(0.9, description="AdamW's decay rate of the mean.", ge=0, lt=1)
    adam_beta2: float = Field(0.999, description="AdamW's decay rate of the variance.", ge=0, lt=1)
    max_grad_norm: float = Field(1.0, description="Gradients are clipped to this norm; 0: never.", ge=0)
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Number format of the computation; auto: bfloat16 where the hardware has it, else float32."
    )
    evaluation_steps: Count | None = Field(
        None,
        description="Steps between evaluations on the validation split; by default an epoch of a fine-tuning, or a "
        "tenth of a pretraining (more where that would read over 5 % of what training reads).",
        ge=1,
    )
    ema_decay: float | None = Field(
        None, description="Also average the weights exponentially along the training, with this decay.", gt=0, lt=1
    )
    average_last: float | None = Field(
        None, description="Also average the weights over this last share of the training.", gt=0, le=1
    )
    keep: Literal["best", "last", "average"] = Field(
        "last",
        description="Which weights are kept: those of the best validation result, the last ones, or their average "
        "(ema_decay, average_last).",
    )
    patience: int | None = Field(
        None, description="Stop early after this many evaluations without a new best validation result.", ge=1
    )
    gpus: int | None = circumstance(
        None, description="GPUs to train on; 0: the CPU; null: one if the machine or the cluster job has any.", ge=0
    )
    data_workers: int = circumstance(0, description="Processes that prepare batches; 0: the trainer itself.", ge=0)
    checkpoint_minutes: float = circumstance(15.0, description="Minutes between checkpoints.", gt=0)
    checkpoint_steps: Count | None = circumstance(None, description="Also a checkpoint every so many steps.", ge=1)
    keep_checkpoints: int = circumstance(2, description="Newest checkpoints kept while training; older ones go.", ge=1)

    @model_validator(mode="after")
    def _optimizer_and_average_are_consistent(self) -> Self:
        if self.optimizer != "muon" and self.muon_learning_rate is not None:
            raise ValueError("muon_learning_rate needs optimizer: muon")
        if self.weight_decay_end is not None and not self.weight_decay:
            raise ValueError("weight_decay_end needs a weight_decay above 0 to start from")
        if self.ema_decay is not None and self.average_last is not None:
            raise ValueError("give one of ema_decay and average_last, not both")
        if self.keep == "average" and not self.averages:
            raise ValueError("keep: average needs ema_decay or average_last")
        return self

    @property
    def averages(self) -> bool:
        """Whether an average of the weights is kept along the training."""
        return self.ema_decay is not None or self.average_last is not None
