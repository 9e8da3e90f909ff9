"""How often, and on how much text, a training is evaluated: by default it reads at most 5 % of what training reads."""

from __future__ import annotations

import math
from dataclasses import dataclass

from snakelm.pretrain.config import ModelConfig

SHARE = 0.05
"""Of the training's sequences, for all evaluations together."""
MOST, LEAST = 1024, 32
"""Sequences of one evaluation; rather than evaluate fewer than LEAST, it is done less often."""
TIMES = 10
TIMED_STEPS = 200
"""Steps between evaluations where the budget is in minutes."""


@dataclass(frozen=True)
class Evaluations:
    """Every so many steps, on so many sequences."""

    every: int
    sequences: int


def evaluations(config: ModelConfig, steps: int, rows: int) -> Evaluations:
    """What the config asks for, and where it asks for nothing, what costs at most SHARE of the training.

    `steps` are those of the whole training (an upper bound where the budget is in minutes), `rows` the validation
    split's sequences, at least 1. By default it is evaluated TIMES times on up to MOST sequences; a short training is
    evaluated less often, down to once at its end, before there are fewer than LEAST sequences. `keep: best` and
    `patience` need their TIMES evaluations, so only the sequences become fewer for them. All evaluations of a training
    read the same sequences, and so do the runs that share a trunk.
    """
    affordable = SHARE * steps * config.global_batch
    given = config.evaluation_steps or config.trunk_every or (TIMED_STEPS if config.minutes is not None else None)
    if given is not None:
        every = given
    else:
        every = max(1, steps // TIMES)
        one = min(config.evaluation_sequences or LEAST, rows)
        selects = config.keep == "best" or config.patience is not None
        if not selects and math.ceil(steps / every) * one > affordable:
            every = math.ceil(steps / max(1, int(affordable // one)))
    if config.trunk_every is not None or config.schedule == "trunk":
        share = SHARE * every * config.global_batch  # the same in every run of the chain, however long it is
    else:
        share = affordable / math.ceil(steps / every)
    sequences = config.evaluation_sequences or min(MOST, max(1, int(share)))
    return Evaluations(every, min(sequences, rows))
