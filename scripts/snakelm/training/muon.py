"""Muon: momentum whose matrices are made nearly orthogonal before they are applied, so that all directions of a matrix
learn at one speed (Jordan et al. 2024; at scale Liu et al. 2025, arXiv:2502.16982).

torch.optim.Muon does the same, one matrix at a time and always in bfloat16, which a CPU without hardware for it
computes 36 times slower. Here matrices of one shape are orthogonalised together, in bfloat16 where the hardware has it
and in float32 elsewhere.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch

from snakelm.training import precision

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic Newton–Schulz iteration: the steepest at zero that still ends with singular values near 1."""
ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised, with decoupled weight decay.

    An update is scaled by 0.2·√(longer side), which gives it the root mean square of AdamW's updates, so that learning
    rates and weight decays mean the same for both (arXiv:2502.16982, section 2.2). State: one buffer a matrix, half of
    AdamW's.

    Args:
        params: matrices (2 dimensions), or groups of them.
        lr: learning rate.
        momentum: share of the buffer that is kept, each step.
        weight_decay: as AdamW's.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            alike: dict[tuple[torch.Size, torch.device], list[torch.Tensor]] = defaultdict(list)
            for weight in group["params"]:
                if weight.grad is not None:
                    alike[weight.shape, weight.device].append(weight)
            for weights in alike.values():
                self._update(weights, group["lr"], group["momentum"], group["weight_decay"])
        return loss

    def _update(self, weights: list[torch.Tensor], lr: float, momentum: float, weight_decay: float) -> None:
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        buffers = [self._buffer(weight) for weight in weights]
        torch._foreach_lerp_(buffers, gradients, 1 - momentum)
        directions_MRC = torch.stack(torch._foreach_lerp(gradients, buffers, momentum))
        scale = 0.2 * math.sqrt(max(directions_MRC.shape[1:]))
        updates = orthogonalised(directions_MRC).to(weights[0].dtype).unbind()
        torch._foreach_mul_(weights, 1 - lr * weight_decay)
        torch._foreach_add_(weights, updates, alpha=-lr * scale)

    def _buffer(self, weight: torch.Tensor) -> torch.Tensor:
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weight)
        buffer: torch.Tensor = state["momentum_buffer"]
        return buffer


def orthogonalised(matrices_MRC: torch.Tensor) -> torch.Tensor:
    """M matrices of one shape, each brought near the orthogonal one next to it: singular values of about 0.7 to 1.2."""
    a, b, c = COEFFICIENTS
    dtype = torch.bfloat16 if precision.resolve("auto") == "bfloat16" else torch.float32
    is_tall = matrices_MRC.shape[1] > matrices_MRC.shape[2]
    x = (matrices_MRC.mT if is_tall else matrices_MRC).to(dtype)
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if is_tall else x
