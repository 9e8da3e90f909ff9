"""Sweeps: one entry with lists of values becomes many entries with readable names.

    models:
      tiny:
        layers: 2
        sweep:
          learning_rate: [1e-3, 3e-3]                        # crossed with
          zip: {hidden_size: [64, 128], heads: [2, 4]}       # pairs

makes tiny-learning_rate=0.001-hidden_size=64-heads=2 and three more. Where an experiment or another entry names
`tiny`, it means all of them. A key inside a map is written with a dot (save.model_max_length).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from copy import deepcopy
from itertools import product
from typing import Any

from snakelm.core.config import Config, reference_of
from snakelm.core.errors import did_you_mean

SWEPT = ("tokenizers", "models", "tasks")
MOST = 100_000
NAME_LENGTH = 80  # a run's folder joins the names of model, task and init; file names end at 255 bytes

Problem = tuple[list[str | int], str]


def expand(data: dict[str, Any], entries: dict[str, type[Config]]) -> tuple[dict[str, Any], list[Problem]]:
    """The raw recipe without sweeps, and what is wrong with them (their entries are then left out)."""
    problems: list[Problem] = []
    variants: dict[str, dict[str, list[str]]] = {section: {} for section in SWEPT}
    found = dict(data)
    for section in SWEPT:
        if isinstance(data.get(section), dict):
            found[section] = {}
            for name, entry in data[section].items():
                expanded = _variants(section, str(name), entry, entries[section], variants, problems)
                if list(expanded) != [str(name)]:
                    variants[section][str(name)] = list(expanded)
                for variant, content in expanded.items():
                    if found[section].setdefault(variant, content) != content:
                        problems.append(([section, str(name)], f"there is another entry called {variant}; rename one"))
    if isinstance(data.get("experiments"), list):
        found["experiments"] = [_experiment(experiment, variants) for experiment in data["experiments"]]
    return found, problems


def _variants(
    section: str,
    name: str,
    entry: Any,
    model: type[Config],
    known: dict[str, dict[str, list[str]]],
    problems: list[Problem],
) -> dict[str, Any]:
    if not isinstance(entry, dict):
        return {name: entry}
    plain = {key: value for key, value in entry.items() if key != "sweep"}
    axes = []
    for key, field in model.model_fields.items():
        target = reference_of(field)
        # A name that was swept itself stands for all of its variants.
        if target in known and isinstance(plain.get(key), str) and plain[key] in known[target]:
            axes.append([{key: variant} for variant in known[target][plain[key]]])
    if "sweep" in entry:
        before = len(problems)
        axes += _axes([section, name, "sweep"], entry["sweep"], model, problems)
        if len(problems) > before:
            return {}
    if not axes:
        return {name: plain}
    count = 1
    for axis in axes:
        count *= len(axis)
    if count > MOST:
        problems.append(([section, name, "sweep"], f"makes {count:,} entries, more than {MOST:,}; sweep fewer values"))
        return {}
    found = {}
    for point in product(*axes):
        values = {key: value for part in point for key, value in part.items()}
        variant = deepcopy(plain)
        for key, value in values.items():
            _put(variant, key, value)
        label = _name(name, values)
        # Texts that look alike once they are names ("a b" and "a_b") stay apart by a digest.
        found[label if found.get(label, variant) == variant else _digest_name(name, values)] = variant
    return found


def _axes(
    path: list[str | int], sweep: Any, model: type[Config], problems: list[Problem]
) -> list[list[dict[str, Any]]]:
    """Each axis as its points, a point being the keys that it sets."""
    if not isinstance(sweep, dict) or not sweep:
        problems.append((path, "should be a map from keys to lists of values, as sweep: {learning_rate: [1e-3, 3e-3]}"))
        return []
    before = len(problems)
    zipped = sweep.get("zip", {})
    crossed = {key: values for key, values in sweep.items() if key != "zip"}
    pairs = [(path, *item) for item in crossed.items()] + [([*path, "zip"], *item) for item in _items(zipped)]
    for where, key, listed in pairs:
        if str(key).partition(".")[0] not in model.model_fields:
            problems.append(([*where, key], f"unknown key{did_you_mean(key, model.model_fields)}"))
        elif not isinstance(listed, list) or not listed:
            problems.append(([*where, key], "should be a list of values"))
    if len(problems) > before:
        return []
    axes = [[{key: value} for value in values] for key, values in crossed.items()]
    if zipped:
        lengths = {key: len(values) for key, values in zipped.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{key} has {length}" for key, length in lengths.items())
            problems.append(([*path, "zip"], f"lists of different lengths ({told}); zip pairs them one by one"))
            return []
        axes.append([dict(zip(zipped, point, strict=True)) for point in zip(*zipped.values(), strict=True)])
    return axes


def _items(zipped: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(zipped, dict):
        yield from zipped.items()
    else:
        yield "zip", None


def _put(entry: dict[str, Any], key: str, value: Any) -> None:
    *outer, last = key.split(".")
    for part in outer:
        below = entry.get(part)
        if not isinstance(below, dict | None):
            return  # no map, as whoever reads the entry will say
        entry[part] = dict(below or {})
        entry = entry[part]
    entry[last] = value


def _name(name: str, values: dict[str, Any]) -> str:
    parts = [f"{key}={_short(value)}" for key, value in values.items()]
    readable = "-".join([name, *parts])
    return readable if len(readable) <= NAME_LENGTH else _digest_name(name, values)


def _digest_name(name: str, values: dict[str, Any]) -> str:
    told = json.dumps(values, sort_keys=True, default=str)
    return f"{name[: NAME_LENGTH - 9]}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"


def _short(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
    return "".join(letter if letter.isalnum() and letter.isascii() or letter in "._=+-" else "_" for letter in text)


def _experiment(experiment: Any, variants: dict[str, dict[str, list[str]]]) -> Any:
    if not isinstance(experiment, dict):
        return experiment
    found = dict(experiment)
    for key, section in (("model", "models"), ("tasks", "tasks")):
        value = experiment.get(key)
        names = value if isinstance(value, list) else [value]
        if any(isinstance(name, str) and name in variants[section] for name in names):
            found[key] = [other for name in names for other in variants[section].get(name, [name])]
    return found
