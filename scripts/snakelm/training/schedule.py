"""Learning-rate schedules as one function of progress, so that budgets in steps and in minutes share them."""

from __future__ import annotations

import math


def multiplier(
    schedule: str, now: float, warmup: float, decay: float = 0.2, floor: float = 0.0, total: float = 1.0
) -> float:
    """Factor of the peak learning rate at `now` of `total`: steps, minutes, or (total 1) a share of the run.

    Linear rise until `warmup` (in the same unit), then by `schedule`: constant; linear or cosine down to `floor`;
    wsd (warm-up, stable, decay): exactly 1 until the last `decay` (a share) of the run, then linear to `floor`.
    """
    if now < warmup:
        return now / warmup
    if schedule == "constant":
        return 1.0
    if schedule == "wsd":
        left = min(1.0, (total - now) / (decay * total))
    else:
        left = 1.0 - min(1.0, (now - warmup) / max(total - warmup, 1e-12))
    if schedule == "cosine":
        left = (1 - math.cos(math.pi * left)) / 2
    return floor + (1 - floor) * max(0.0, left)
