"""The stage pretrain: one model, from token ids to a folder that AutoModelFor… loads.

What the run holds: the model (config.json, model.safetensors) and its tokenizer's files; `curve.tsv` (step, tokens,
loss, validation loss, bits per byte, learning rate); `samples.txt`; `best/` where the lowest validation loss was not
the last one (with keep: best the model is the best, and the last weights are in `last/`). Circumstance: `speed.tsv`
and what trackers wrote. A run with schedule: trunk holds `checkpoint/` instead of a model, for others to go on from.
"""

from __future__ import annotations

from typing import Any

from snakelm.core.errors import UserError
from snakelm.execution.devices import claimed
from snakelm.pretrain.config import ModelConfig
from snakelm.pretrain.train import train
from snakelm.pretrain.worker import train_together
from snakelm.runs.context import RunContext


def pretrain(context: RunContext[ModelConfig]) -> dict[str, Any]:
    """Train in one process, or in one per GPU.

    Parents: encoded (an encode_corpus run), tokenizer; init (the run of another entry whose weights it begins with) and
    trunk (a run whose training it goes on with) where there are.
    Returns losses, bits per byte, tokens, steps, parameters. Resumes from the newest whole checkpoint in context.work.

    Raises:
        SystemExit: 128 + the signal's number, after saving, when a signal asks training to stop.
        UserError: whatever the user has to change.
    """
    with claimed(context.config.gpus) as gpus:
        processes = context.config.processes or max(1, gpus)
        if processes == 1:
            return train(context)
        if context.config.global_batch % processes:
            raise UserError(
                f"{context.name}: batch_size {context.config.global_batch} cannot be shared equally by"
                f" {processes} processes"
            )
        return train_together(context, processes)
