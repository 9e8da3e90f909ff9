"""Every key of every config model, changed once: the variants of the staleness matrix.

Values come from the models themselves (types, constraints, validators), so a key that is added tomorrow is covered
without a change here. A key that means something only for some kinds of entry is tried on each base entry in turn.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from snakelm.core.config import Config, is_circumstance, is_further_down, is_outside, reference_of
from snakelm.core.errors import UserError
from snakelm.core.registry import Registry
from snakelm.recipe.checks import check
from snakelm.recipe.families import with_families
from snakelm.recipe.schema import Recipe
from snakelm.recipe.sections import SECTIONS as READERS
from snakelm.runs.code import CodeDigests
from snakelm.runs.digests import FileDigests
from snakelm.runs.fingerprints import Fingerprints, fingerprint

OWN = {"corpora": "txt", "tokenizers": "bpe", "models": "causal", "tasks": "classes"}
SECTIONS = ("corpora", "tokenizers", "models", "tasks")
TEXTS = (
    "other",
    "a" * 64,
    "data/b.txt",
    "http://127.0.0.1/t.txt",
    "json:loads",
    "latin-1",
    ";",
    "<unk>",
    "accuracy",
    "llama",
)


@dataclass
class Variant:
    """A base entry with one key changed."""

    section: str
    base: str
    path: tuple[str, ...]
    entry: dict[str, Any]
    owner: type[BaseModel]
    """The class that declares the key: its package is the stage that the key belongs to."""
    circumstance: bool


def chain(recipe: dict[str, Any], section: str, entry: dict[str, Any], label: str) -> dict[str, Any]:
    """The part of a recipe that leads from one entry to its evaluations: copies of the ordinary entries below it."""
    names = dict(OWN)
    found: dict[str, Any] = {"corpora": {}, "tokenizers": {}, "models": {}, "tasks": {}}
    for place in SECTIONS:
        if place == section:
            found[place][label], names[place] = entry, label
            for above, key in (("corpora", "corpus"), ("tokenizers", "tokenizer")):
                if isinstance(entry.get(key), str) and above != section:
                    names[above] = entry[key]
        elif place in ("tokenizers", "models", "tasks") and (SECTIONS.index(place) > SECTIONS.index(section)):
            copy = dict(recipe[place][OWN[place]])
            for above, key in (("corpora", "corpus"), ("tokenizers", "tokenizer")):
                if key in copy:
                    copy[key] = names[above]
            if copy != recipe[place][OWN[place]]:
                found[place][label], names[place] = copy, label
    found["experiments"] = [{"model": names["models"], "tasks": names["tasks"], "seeds": [1]}]
    return found


def join(*parts: dict[str, Any]) -> dict[str, Any]:
    whole: dict[str, Any] = {section: {} for section in SECTIONS} | {"experiments": []}
    for part in parts:
        for section in SECTIONS:
            whole[section].update(part[section])
        whole["experiments"] += part["experiments"]
    return whole


def bases(recipe: dict[str, Any]) -> dict[str, Any]:
    """The recipe with a chain to evaluations for each of its entries."""
    chains = [
        chain(recipe, section, entry, f"{section}-{name}")
        for section in SECTIONS
        for name, entry in recipe[section].items()
    ]
    return join(recipe, *chains)


def sound(data: dict[str, Any]) -> bool:
    try:
        recipe, problems = with_families(Recipe.model_validate(data))
        fingerprint(recipe, FileDigests(), CodeDigests())
        return not problems and not list(check(recipe))
    except (ValidationError, UserError):
        return False


def variants(recipe: dict[str, Any]) -> tuple[list[Variant], list[str]]:
    """One variant for each key, and the keys for which no base entry takes any other value."""
    found, missed = [], []
    recipe = json.loads(json.dumps(recipe))  # what YAML anchors share is no longer shared
    for section in SECTIONS:
        seen = {_identity(section, entry) for entry in recipe[section].values()}
        # A key that several classes inherit from one is tried once.
        found_keys = {(path, owner): field for each in READERS[section].classes for path, owner, field in keys(each)}
        for (path, owner), field in found_keys.items():
            variant = next(_tries(recipe, section, path, owner, field, seen), None)
            if variant is None:
                missed.append(f"{section}: {'.'.join(path)}")
            else:
                found.append(variant)
                seen.add(_identity(section, variant.entry))
    return found, missed


def keys(
    model: type[BaseModel], prefix: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], type[BaseModel], Any]]:
    """(path, declaring class, field) of every key, in nested maps too; references are other entries' affair."""
    for name, field in model.model_fields.items():
        if reference_of(field) or is_further_down(field):
            continue
        inner = [part for part in _parts(field.annotation) if isinstance(part, type) and issubclass(part, BaseModel)]
        if inner:
            yield from keys(inner[0], (*prefix, name))
        else:
            owner = next(cls for cls in model.__mro__ if name in cls.__dict__.get("__annotations__", {}))
            yield (*prefix, name), owner, field


def _tries(
    recipe: dict[str, Any], section: str, path: tuple[str, ...], owner: type[BaseModel], field: Any, seen: set[str]
) -> Iterator[Variant]:
    for base, entry in recipe[section].items():
        before = _identity(section, entry)
        reader = READERS[section].reader
        is_variant = isinstance(reader, Registry) and path == (reader.key,)
        for value in reader if is_variant else candidates(field):
            changed = deepcopy(entry)
            place = changed
            for part in path[:-1]:
                if not isinstance(place.get(part), dict):
                    place[part] = {}
                place = place[part]
            if place.get(path[-1]) == value:
                continue
            place[path[-1]] = value
            try:
                after = _identity(section, changed)
                whole_same = _whole(section, changed) == _whole(section, entry)
            except (ValueError, UserError):
                continue
            if whole_same or (after == before) != is_circumstance(field) or (after != before and after in seen):
                continue
            if not sound(join(recipe, chain(recipe, section, changed, "changed"))):
                continue
            yield Variant(section, base, path, changed, owner, is_circumstance(field))


def _read(section: str, entry: dict[str, Any]) -> Config:
    reader = READERS[section].reader
    return reader.validate(entry) if isinstance(reader, Registry) else reader.model_validate(entry)


def _identity(section: str, entry: dict[str, Any]) -> str:
    """The identity in its normal form: a key is tried on an entry in which it means something."""
    contents = Fingerprints(FileDigests(), CodeDigests())
    return json.dumps(_read(section, entry).identity(contents), sort_keys=True)


def _whole(section: str, entry: dict[str, Any]) -> dict[str, Any]:
    return _read(section, entry).model_dump(mode="json")


def candidates(field: Any) -> Iterator[Any]:
    """Other values that a field may have: its examples, then what its type allows; the model decides which hold."""
    yield from field.examples or ()
    if is_outside(field):
        yield "some/where"  # a word would name an entry
    for part in _parts(field.annotation):
        yield from _of(part, field.metadata)


def _of(part: Any, metadata: list[Any]) -> Iterator[Any]:
    origin = typing.get_origin(part)
    if origin is Literal:
        yield from typing.get_args(part)
    elif part is bool:
        yield from (True, False)
    elif part in (int, float):
        low = max(
            (getattr(m, name) for m in metadata for name in ("ge", "gt") if getattr(m, name, None) is not None),
            default=0,
        )
        for step in (1, 3, 0.05, 0.3, 0, 7, 16, 40, 64, 200, 512):
            yield part(low + step)
    elif part is str:
        yield from TEXTS
    elif origin is list or part is list:
        inner = typing.get_args(part) or (Any,)
        for value in [*_of_parts(inner[0], metadata)][:12]:
            yield [value]
            yield [value, value]
        yield ["data/b.txt"]
        yield ["a", "b"]
        yield ["<pad>", "</s>", "<unk>", "<mask>"]
        yield [1700, 1800, 1950, 2030]
    elif origin is tuple:
        yield from (["x"], [0.7, 0.2, 0.1], ["tensorboard"])
    elif origin is dict or part is dict:
        yield from ({"x": 1}, {"a": 0.5}, {"learning_rate": [0.1, 0.2]}, {"initializer_range": 0.03})
    elif part is Any:
        yield "other"


def _of_parts(annotation: Any, metadata: list[Any]) -> Iterator[Any]:
    for part in _parts(annotation):
        yield from _of(part, metadata)


def _parts(annotation: Any) -> list[Any]:
    """The alternatives of a union, `Annotated` taken off; null left out."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _parts(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [inner for part in typing.get_args(annotation) for inner in _parts(part)]
    return [] if annotation is type(None) else [annotation]
