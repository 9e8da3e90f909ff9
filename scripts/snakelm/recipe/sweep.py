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
import math
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import product
from typing import Any

from snakelm.core.errors import did_you_mean
from snakelm.recipe.sections import SECTIONS

SWEPT = ("tokenizers", "models", "tasks")
MOST = 100_000
NAME_LENGTH = 80  # a run's folder joins the names of model, task and init; file names end at 255 bytes

Problem = tuple[list[str | int], str]


@dataclass(frozen=True)
class Variant:
    """One entry that a sweep made."""

    content: Any
    values: dict[str, Any]
    """The keys that the sweep set; empty for an entry as it was written."""


@dataclass
class Expanded:
    """A raw recipe without sweeps."""

    data: dict[str, Any]
    swept: dict[tuple[str, str], dict[str, Any]]
    """(section, entry) → the keys that a sweep set in it, with their values."""
    problems: list[Problem]
    """What is wrong with sweeps; their entries are left out."""


def expand(data: dict[str, Any]) -> Expanded:
    """The raw recipe without sweeps."""
    found = Expanded(dict(data), {}, [])
    variants: dict[str, dict[str, list[str]]] = {section: {} for section in SWEPT}
    for section in SWEPT:
        if not isinstance(data.get(section), dict):
            continue
        entries = found.data[section] = {}
        for name, entry in data[section].items():
            expanded = _variants(section, str(name), entry, variants, found.problems)
            if list(expanded) != [str(name)]:
                variants[section][str(name)] = list(expanded)
            for label, variant in expanded.items():
                if entries.setdefault(label, variant.content) != variant.content:
                    problem = f"there is another entry called {label}; rename one"
                    found.problems.append(([section, str(name)], problem))
                if variant.values:
                    found.swept[section, label] = variant.values
    if isinstance(data.get("experiments"), list):
        found.data["experiments"] = [_experiment(experiment, variants) for experiment in data["experiments"]]
    return found


def _variants(
    section: str, name: str, entry: Any, known: dict[str, dict[str, list[str]]], problems: list[Problem]
) -> dict[str, Variant]:
    """Name → entry, of all that one entry stands for."""
    if not isinstance(entry, dict):
        return {name: Variant(entry, {})}
    plain = {key: value for key, value in entry.items() if key != "sweep"}
    axes = []
    for key, target in SECTIONS[section].references.items():
        # A name that was swept itself stands for all of its variants.
        if target in known and isinstance(plain.get(key), str) and plain[key] in known[target]:
            axes.append([{key: variant} for variant in known[target][plain[key]]])
    if "sweep" in entry:
        before = len(problems)
        axes += _axes([section, name, "sweep"], entry["sweep"], SECTIONS[section].keys, problems)
        if len(problems) > before:
            return {}
    if not axes:
        return {name: Variant(plain, {})}
    if (count := math.prod(map(len, axes))) > MOST:
        problems.append(([section, name, "sweep"], f"makes {count:,} entries, more than {MOST:,}; sweep fewer values"))
        return {}
    found: dict[str, Variant] = {}
    for point in product(*axes):
        values = {key: value for part in point for key, value in part.items()}
        content = deepcopy(plain)
        for key, value in values.items():
            _put(content, key, value)
        label = _name(name, values)
        # Texts that look alike once they are names ("a b" and "a_b") stay apart by a digest.
        is_taken = label in found and found[label].content != content
        found[_digest_name(name, values) if is_taken else label] = Variant(content, values)
    return found


def _axes(
    path: list[str | int], sweep: Any, known: tuple[str, ...], problems: list[Problem]
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
        if str(key).partition(".")[0] not in known:
            problems.append(([*where, key], f"unknown key{did_you_mean(key, known)}"))
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
        names: list[Any] = value if isinstance(value, list) else [value]
        if any(isinstance(name, str) and name in variants[section] for name in names):
            found[key] = [other for name in names for other in variants[section].get(name, [name])]
    return found
