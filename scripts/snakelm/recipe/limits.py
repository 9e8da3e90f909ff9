"""Sizes that no machine can have are refused when the recipe is read, not when memory runs out in a job.

The numbers of parameters are estimates from the config alone, without torch: 4 d² for attention and 2 d f for the
feed-forward part of a layer (width d, feed-forward width f), and d for each token of the vocabulary and each position.
The bounds are far above what anybody trains: who meets one has most likely slipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from snakelm.architectures.sizes import FEED_FORWARD, HIDDEN, LAYERS, POSITIONS
from snakelm.recipe.schema import ModelEntry, Recipe

MOST_PARAMETERS = 10**12
MOST_TOKENS_A_STEP = 10**9


def check_sizes(recipe: Recipe) -> Iterator[tuple[list[str | int], str]]:
    """(key path, what is too large and what to do) for every entry of impossible size."""
    for name, model in recipe.models.items():
        vocabulary = recipe.tokenizers[model.tokenizer].vocab_size
        if (count := parameters(model, vocabulary)) > MOST_PARAMETERS:
            yield (
                ["models", name],
                f"layers {model.layers:,}, hidden_size {model.hidden_size:,} and vocab_size {vocabulary:,} make about"
                f" {count:.1e} parameters, {4 * count / 1e9:,.0f} GB in float32; the limit is {MOST_PARAMETERS:.0e},"
                " give smaller sizes",
            )
        key = "batch_size" if model.batch_tokens is None else "batch_tokens"
        yield from _step(["models", name, key], model.global_batch, model.sequence_length)
    for name, task in recipe.tasks.items():
        yield from _step(["tasks", name, "batch_size"], task.batch_size, task.max_length or 1)


def parameters(model: ModelEntry, vocabulary: int) -> int:
    """About how many weights a network of these sizes has; keys under `config` count where they say a size."""
    width = _size(model.config, HIDDEN, model.hidden_size)
    layers = _size(model.config, LAYERS, model.layers) * (2 if model.network == "encoder-decoder" else 1)
    inner = _size(model.config, FEED_FORWARD, model.intermediate_size or 4 * width)
    positions = _size(model.config, POSITIONS, model.positions or model.sequence_length)
    vocabulary = _size(model.config, ("vocab_size",), vocabulary)
    return layers * (4 * width**2 + 2 * width * inner) + (vocabulary + positions) * width


def _size(config: dict[str, Any], names: tuple[str, ...], otherwise: int) -> int:
    """The largest number that the further config keys give for a size that goes by these names."""
    given = [config[name] for name in names if isinstance(config.get(name), (int, float))]
    return int(max(given)) if given else otherwise


def _step(path: list[str | int], sequences: int, length: int) -> Iterator[tuple[list[str | int], str]]:
    if (tokens := sequences * length) > MOST_TOKENS_A_STEP:
        yield (
            path,
            f"{sequences:,} sequences a step are at least {tokens:.1e} tokens; the limit is {MOST_TOKENS_A_STEP:.0e},"
            " give a smaller batch",
        )
