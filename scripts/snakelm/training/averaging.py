"""Averages of the weights along a training, which often generalise better than the last ones, above all before the
learning rate has come down (EMA: Polyak & Juditsky 1992; of the tail: Izmailov et al. 2018, arXiv:1803.05407)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from snakelm.training.config import TrainingConfig

FILE = "average.safetensors"


class Average:
    """The average of a model's weights, in float32, beside them; what is averaged is said by the config.

    `ema_decay` d: average ← d · average + (1 − d) · weights after each step; for the first steps d is at most
    (1 + n) / (10 + n) for the n-th, so that the random weights are soon forgotten.
    `average_last` s: the plain mean of the weights after each step of the last share s of the training.
    """

    def __init__(self, model: Any, config: TrainingConfig):
        self._weights: list[tuple[str, torch.Tensor]] = [
            (name, weight) for name, weight in model.named_parameters() if weight.requires_grad
        ]
        self._decay, self._share = config.ema_decay, config.average_last
        self.steps = 0
        """How many steps' weights are in the average."""
        self._average: list[torch.Tensor] = []

    @torch.no_grad()
    def update(self, progress: float) -> None:
        """Take in the weights as they are now; progress: share of the training done, 0 to 1."""
        if self._share is not None and progress <= 1 - self._share and progress < 1:
            return
        weights = [weight for _, weight in self._weights]
        if not self.steps:
            self._average = [weight.float().clone() for weight in weights]
        else:
            torch._foreach_lerp_(self._average, [weight.float() for weight in weights], self._part_of_the_new())
        self.steps += 1

    def _part_of_the_new(self) -> float:
        if self._decay is None:
            return 1 / (self.steps + 1)
        return 1 - min(self._decay, (1 + self.steps) / (10 + self.steps))

    @contextmanager
    @torch.no_grad()
    def in_place(self) -> Iterator[None]:
        """Inside, the model has the averaged weights (nothing changes while there is no average yet)."""
        if not self.steps:
            yield
            return
        own = [weight.clone() for _, weight in self._weights]
        try:
            self.put_in_place()
            yield
        finally:
            for (_, weight), value in zip(self._weights, own, strict=True):
                weight.copy_(value)

    @torch.no_grad()
    def put_in_place(self) -> None:
        """Give the model the averaged weights for good."""
        for (_, weight), average in zip(self._weights, self._average, strict=bool(self.steps)):
            weight.copy_(average)

    def save(self, folder: Path) -> None:
        """Write FILE into a checkpoint; `load` of it goes on bit for bit."""
        named = {name: average for (name, _), average in zip(self._weights, self._average, strict=False)}
        save_file(named, folder / FILE, {"steps": str(self.steps)})

    def load(self, folder: Path) -> None:
        """Read FILE of a checkpoint."""
        from safetensors import safe_open

        with safe_open(folder / FILE, "pt") as file:
            self.steps = int(file.metadata()["steps"])
        named = load_file(folder / FILE)
        self._average = [named[name].to(weight.device) for name, weight in self._weights] if self.steps else []
