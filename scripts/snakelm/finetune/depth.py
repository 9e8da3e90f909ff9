"""How deep each parameter lies: for layer-wise learning rates and for freezing from below."""

from __future__ import annotations

from typing import Any

import torch

from snakelm.core.errors import UserError
from snakelm.tasks.config import TaskConfig


def depths(model: torch.nn.Module) -> tuple[dict[str, int], int]:
    """Parameter name → depth, and the head's depth: 0 for embeddings, 1…L for the layers, L+1 for the rest.

    The layers are the longest lists of modules of one kind (those of encoder and decoder alike). Embeddings are
    what comes before them in the backbone; final norms and heads learn at the full rate.
    """
    lists = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.ModuleList) and len(module) and len({type(part) for part in module}) == 1
    }
    longest = max((len(module) for module in lists.values()), default=0)
    stacks = [f"{name}." for name, module in lists.items() if len(module) == longest]
    found: dict[str, int] = {}
    embeddings = {id(parameter) for parameter in _embeddings(model)}
    for name, parameter in model.named_parameters():
        stack = next((prefix for prefix in stacks if name.startswith(prefix)), None)
        if stack is not None:
            found[name] = int(name[len(stack) :].split(".")[0]) + 1
        else:
            found[name] = 0 if id(parameter) in embeddings else longest + 1
    return found, longest + 1


def _embeddings(model: torch.nn.Module) -> list[torch.nn.Parameter]:
    """All of the modules that look tokens, positions or segments up, and the norms inside the same block."""
    blocks = [
        module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Embedding) or name.rsplit(".", 1)[-1] == "embeddings"
    ]
    return [parameter for block in blocks for parameter in block.parameters()]


def freeze(model: torch.nn.Module, what: str | int) -> None:
    """Turn gradients off: 'embeddings', 'backbone' (all but the head), or embeddings and so many lowest layers."""
    if what == "nothing":
        return
    found, top = depths(model)
    if isinstance(what, int) and what > top - 1:
        raise UserError(f"freeze: {what} layers, but the model has {top - 1}")
    inside = _backbone(model)
    for name, parameter in model.named_parameters():
        if what == "backbone":
            frozen = id(parameter) in inside
        else:
            frozen = found[name] <= (0 if what == "embeddings" else int(what))
        if frozen:
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise UserError(f"freeze: {what} leaves nothing to learn: the head of this model is part of what is frozen")


def _backbone(model: torch.nn.Module) -> set[int]:
    """Ids of all parameters but the head's. Some models (T5) have their layers and head side by side."""
    backbone = getattr(model, getattr(model, "base_model_prefix", ""), None)
    if backbone is None:
        transformer: Any = model  # a PreTrainedModel, whose classes do not all say what these return
        head, tokens = transformer.get_output_embeddings(), transformer.get_input_embeddings()
        own = {id(parameter) for parameter in head.parameters()} - {id(parameter) for parameter in tokens.parameters()}
        return {id(parameter) for parameter in model.parameters()} - own
    return {id(parameter) for parameter in backbone.parameters()}


def parameter_groups(model: torch.nn.Module, task: TaskConfig) -> list[dict[str, Any]]:
    """Groups for AdamW: weight decay on matrices only, learning rate × layer_decay^(layers above)."""
    found, top = depths(model)
    groups: dict[tuple[int, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            depth = found[name] if task.layer_decay < 1 else top
            groups.setdefault((depth, parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": task.learning_rate * task.layer_decay ** (top - depth),
            "weight_decay": task.weight_decay if matrix else 0.0,
        }
        for (depth, matrix), parameters in groups.items()
    ]
