"""Learning-rate schedules as one function of progress, so that budgets in steps and in minutes share them."""

from __future__ import annotations

import math


def multiplier(schedule: str, progress: float, warmup: float, decay: float = 0.2, floor: float = 0.0) -> float:
    """Factor of the peak learning rate at `progress` (0 to 1) through the run.

    Linear rise over the first `warmup` (share of the run), then by `schedule`: constant; linear or cosine down to
    `floor`; wsd (warm-up, stable, decay): constant until the last `decay` of the run, then linear to `floor`.
    """
    if progress < warmup:
        return progress / warmup
    if schedule == "constant":
        return 1.0
    if schedule == "wsd":
        left = min(1.0, (1.0 - progress) / decay) if decay else 1.0
    else:
        left = 1.0 - min(1.0, (progress - warmup) / max(1.0 - warmup, 1e-12))
    if schedule == "cosine":
        left = (1 - math.cos(math.pi * left)) / 2
    return floor + (1 - floor) * max(0.0, left)
