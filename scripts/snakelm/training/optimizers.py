"""The optimizer of a training, by the name that its config gives; each is exact on resume, since all it knows is in its
state_dict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from snakelm.training.config import TrainingConfig
from snakelm.training.muon import Muon


class Together(torch.optim.Optimizer):
    """Several optimizers as one, each for its own parameters: one list of groups, one state, one state_dict.

    A scheduler sees the groups of all, and what it sets is what each optimizer reads.
    """

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        self.parts = parts
        super().__init__([group for part in parts for group in part.param_groups], {})
        self._share()

    def _share(self) -> None:
        """Let each part work on the state and the groups of the whole."""
        begin = 0
        for part in self.parts:
            end = begin + len(part.param_groups)
            part.state, part.param_groups = self.state, self.param_groups[begin:end]
            begin = end

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        loss = closure() if closure is not None else None
        for part in self.parts:
            part.step()
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._share()


def adamw(groups: list[dict[str, Any]], config: TrainingConfig) -> torch.optim.AdamW:
    """PyTorch's AdamW, fused where the device has it.

    Args:
        groups: dicts of params, lr and weight_decay.
    """
    fused = groups[0]["params"][0].device.type in ("cpu", "cuda")
    return torch.optim.AdamW(groups, betas=(config.adam_beta1, config.adam_beta2), fused=fused)


def muon(model: Any, groups: list[dict[str, Any]], config: TrainingConfig) -> Together:
    """Muon for the matrices of the hidden layers; AdamW for embeddings, heads, biases and norms.

    Args:
        model: a transformers model.
        groups: dicts of params, lr and weight_decay; each is split in two. Muon's have their lr in the proportion of
            muon_learning_rate to learning_rate.
    """
    matrices = {id(weight) for weight in hidden_matrices(model).values()}
    factor = (config.muon_learning_rate or config.learning_rate) / config.learning_rate
    parts: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
    for group in groups:
        for part, is_hidden in zip(parts, (False, True), strict=True):
            if chosen := [weight for weight in group["params"] if (id(weight) in matrices) == is_hidden]:
                part.append(group | {"params": chosen, "lr": group["lr"] * (factor if is_hidden else 1)})
    plain, hidden = parts
    made: list[torch.optim.Optimizer] = [adamw(plain, config)] if plain else []
    if hidden:
        made.append(Muon(hidden, momentum=config.muon_momentum))
    return Together(*made)


def hidden_matrices(model: Any) -> dict[str, torch.nn.Parameter]:
    """The weights that map hidden states to hidden states: 2 dimensions, in the base model, no embedding."""
    prefix = f"{model.base_model_prefix}." if model.base_model is not model else ""
    embeddings = [module for module in model.modules() if isinstance(module, torch.nn.Embedding)]
    embeddings += [output] if (output := model.get_output_embeddings()) is not None else []
    outside = {id(weight) for module in embeddings for weight in module.parameters()}
    return {
        name: weight
        for name, weight in model.named_parameters()
        if name.startswith(prefix) and weight.ndim == 2 and id(weight) not in outside and weight.requires_grad
    }
