"""Models that go on from another one (`init:`): what they take from it, before and after entries are read.

A word without a slash names an entry of `models`; a folder or Hub name has one, so no slip asks the Hub.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from snakelm.architectures.config import SizesConfig
from snakelm.architectures.sizes import HEADS, HIDDEN, LAYERS
from snakelm.core.errors import did_you_mean
from snakelm.recipe.schema import MODELS, Recipe

Problem = tuple[list[str | int], str]
SCRATCH = "scratch"
FREE = ("sequence_length",)
"""Keys beside the network's that the model which goes on may choose for itself."""


def take_over(data: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """A raw recipe whose models have the architecture of what they go on from, and what contradicts it.

    What an entry leaves out comes from the entry that `init` names, or from the config.json of the folder.
    """
    raw = data.get("models")
    if not isinstance(raw, dict):
        return data, []
    done: dict[str, Any] = {}
    problems: list[Problem] = []

    def resolve(name: str, above: tuple[str, ...]) -> Any:
        if name in done:
            return done[name]
        entry = raw[name]
        init = entry.get("init", SCRATCH) if isinstance(entry, dict) else SCRATCH
        if not isinstance(init, str):
            pass  # said when entries are read
        elif name in above:
            circle = " → ".join([*above[above.index(name) :], name])
            problems.append((["models", name, "init"], f"goes in a circle ({circle}); let one begin from {SCRATCH}"))
        elif init in raw and init != SCRATCH:
            network = _network_of_entry(resolve(init, (*above, name)))
            entry = _merged(entry, network, ["models", name], f"model {init}", problems)
        elif "/" in init:
            entry = _merged(entry, _network_of_folder(Path(init)), ["models", name], init, problems)
        elif init != SCRATCH:
            known = did_you_mean(init, [SCRATCH, *(each for each in raw if each != name)])
            text = f"no model {init!r} (an outside model is written owner/name or ./folder){known}"
            problems.append((["models", name, "init"], text))
        done[name] = entry
        return entry

    models = {name: resolve(name, ()) for name in raw}
    return {**data, "models": models}, problems


def check_start(recipe: Recipe, name: str) -> Iterator[Problem]:
    """What is wrong between a model and what it goes on from."""
    if (other := recipe.start_of(name)) is None:
        return
    model = recipe.models[name]
    start = recipe.models[other]
    if start.tokenizer != model.tokenizer:
        yield (
            ["models", name, "tokenizer"],
            f"tokenizer {model.tokenizer} is not that of model {other}, which it goes on from; write {start.tokenizer}",
        )
    if start.network != model.network:
        yield (
            ["models", name, "objective"],
            f"objective {model.objective} trains another kind of network ({model.network}) than model {other} is"
            f" ({start.network}), which it goes on from",
        )


def _network_of_entry(entry: Any) -> dict[str, Any]:
    """The keys of the network that an entry's model is, given or by default."""
    if not isinstance(entry, dict):
        return {}
    try:
        fields = MODELS.of(entry).model_fields
    except ValueError:
        return {}  # an unknown objective, which is said elsewhere
    network = {
        name: entry.get(name, fields[name].get_default(call_default_factory=True)) for name in SizesConfig.model_fields
    }
    network["positions"] = network["positions"] or network["sequence_length"]
    return network


def _network_of_folder(folder: Path) -> dict[str, Any]:
    """Architecture and sizes that a folder's config.json tells, by the names that architectures use; {} without one."""
    try:
        config = json.loads((folder.expanduser() / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # said when it is loaded
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        return {}
    network: dict[str, Any] = {"architecture": config["model_type"]}
    for key, names in (("hidden_size", HIDDEN), ("layers", LAYERS), ("heads", HEADS)):
        size = next((config[name] for name in names if isinstance(config.get(name), int)), None)
        if size is not None:
            network[key] = size
    if network.get("hidden_size", 0) % network.get("heads", 1):
        del network["heads"]  # heads of another width than theirs, as in some T5
    return network


def _merged(
    entry: dict[str, Any], network: Mapping[str, Any], path: list[str | int], source: str, problems: list[Problem]
) -> dict[str, Any]:
    """The entry with the network's keys; a problem for each that it states otherwise."""
    for key, value in network.items():
        if key not in FREE and key in entry and entry[key] != value:
            problems.append(([*path, key], f"is {value!r} in {source}, which it goes on from; leave it out"))
    return {**network, **entry}
