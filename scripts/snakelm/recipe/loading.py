"""From recipe files to a checked recipe: every problem found in one go.

Several files are merged in order (maps key by key, the rest replaced), then overrides on top.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from snakelm.core import plugins
from snakelm.core.config import Config
from snakelm.core.errors import UserError, did_you_mean
from snakelm.core.registry import Registry, is_variant
from snakelm.recipe.checks import check, references
from snakelm.recipe.continuing import take_over
from snakelm.recipe.families import with_families
from snakelm.recipe.locking import lock_of, with_lock
from snakelm.recipe.mixing import with_mixtures
from snakelm.recipe.parsing import read_yaml
from snakelm.recipe.schema import Recipe
from snakelm.recipe.sections import SECTIONS
from snakelm.recipe.sweep import expand


def load(
    files: Sequence[str | Path], overrides: Mapping[str, Any] | None = None, overridden_by: str = "--config"
) -> Recipe:
    """Read and check a recipe; UserError lists every problem, a line each: file, key path, what to do.

    overridden_by: where the overrides stand, for messages.
    """
    layers = [(str(file), read_yaml(file)) for file in files]
    if overrides:
        layers.append((overridden_by, dict(overrides)))
    data: dict[str, Any] = {}
    for _, layer in layers:
        data = _merge(data, layer)

    def where(path: Iterable[str | int]) -> str:
        """The last layer that holds the path, or most of it."""
        path = list(path)
        return max(enumerate(layers), key=lambda item: (_depth(item[1][1], path), item[0]))[1][0]

    if isinstance(names := data.get("plugins"), list):
        plugins.load(str(name) for name in names)
    expanded = expand(data)
    whole, contradictions = take_over(expanded.data)
    if files:
        whole = with_lock(whole, lock_of(files[-1]))
    problems = [*expanded.problems, *references(whole), *contradictions]
    try:
        recipe = Recipe.model_validate(whole)
    except ValidationError as error:
        problems += _problems(error, whole)
    if not problems:
        recipe._swept.update(expanded.swept)
        recipe._files, recipe._overrides = tuple(map(str, files)), dict(overrides or {})
        recipe, problems = with_families(recipe)
        recipe, contradictory = with_mixtures(recipe)
        problems += [*contradictory, *check(recipe)]
    if problems:
        raise UserError(*[f"{where(path)}: {dotted(path) or 'recipe'}: {text}" for path, text in problems])
    return recipe


def dotted(path: Iterable[str | int]) -> str:
    """('models', 'tiny', 'seeds', 0) → 'models.tiny.seeds[0]'."""
    return re.sub(r"\.\[", "[", ".".join(f"[{part}]" if isinstance(part, int) else str(part) for part in path))


def _merge(below: Any, above: Any) -> Any:
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{key: _merge(below.get(key), value) for key, value in above.items()}}


def _depth(data: Any, path: Sequence[str | int]) -> int:
    for depth, part in enumerate(path):
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return depth
    return len(path)


def _problems(error: ValidationError, data: Any) -> list[tuple[list[str | int], str]]:
    """(path, what is wrong) for each place; the branches of a union become one line."""
    found: dict[tuple[str | int, ...], list[str]] = {}
    for item in error.errors(include_url=False, include_context=True):
        path = _real_path(item["loc"], data, item["type"])
        text = _say(item, path, data)
        if text not in found.setdefault(tuple(path), []):
            found[tuple(path)].append(text)
    return [(list(path), " or ".join(texts)) for path, texts in found.items()]


def _real_path(loc: Sequence[str | int], data: Any, kind: str) -> list[str | int]:
    """The location without the names that pydantic gives to branches of unions."""
    path: list[str | int] = []
    for index, part in enumerate(loc):
        try:
            data = data[part]
            path.append(part)
        except (KeyError, IndexError, TypeError):
            if kind == "missing" and index == len(loc) - 1:
                path.append(part)
    return path


def _say(item: Any, path: list[str | int], data: Any) -> str:
    kind, given = item["type"], item.get("input")
    if kind == "extra_forbidden":
        models = _models_at(path[:-1], data)
        if renamed := next((model.renamed[str(path[-1])] for model in models if path[-1] in model.renamed), None):
            return f"is called {renamed} now; rename it"
        if owners := _owners(path):
            return owners
        return f"unknown key{did_you_mean(path[-1], {name for model in models for name in model.model_fields})}"
    if kind == "missing":
        return "missing; give it a value"
    if kind == "value_error":
        return str(item["msg"]).removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        return f"invalid name {given!r}: use letters, digits, _ - . = +"
    if kind in ("model_type", "dict_type"):
        return f"should be a map of keys, not {_shorten(given)}"
    message = str(item["msg"]).removeprefix("Input ")
    return f"{message[0].lower()}{message[1:]}, not {_shorten(given)}"


def _owners(path: Sequence[str | int]) -> str | None:
    """That a key belongs to other variants than the entry's; None where it belongs to none."""
    reader = SECTIONS[str(path[0])].reader if len(path) == 3 and path[0] in SECTIONS else None
    if not isinstance(reader, Registry) or not (names := reader.with_key(str(path[-1]))):
        return None
    return f"is a key of {reader.what} {' and '.join(names)} alone"


def _shorten(value: Any) -> str:
    if isinstance(value, (dict, list)):  # may hold an address with a secret
        return "a map" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _models_at(path: Sequence[str | int], data: Any) -> list[type[Config]]:
    """The config classes that can stand at a path of the recipe."""
    if len(path) >= 2 and path[0] in SECTIONS:
        section = SECTIONS[str(path[0])]
        try:
            found = section.class_of(data[path[0]][path[1]])
        except (KeyError, TypeError):
            found = None
        models: list[type[Config]] = [found] if found else list(section.classes)
        path = path[2:]
    else:
        models = [Recipe]
    for part in path:
        following = [
            inner
            for model in models
            if (field := model.model_fields.get(str(part))) is not None
            for inner in _models_in(field.annotation)
        ]
        # A name in a map or a place in a list stays at the model that the map or list holds.
        models = following or models
    return models


def _models_in(annotation: Any) -> Iterator[type[Config]]:
    if isinstance(annotation, type) and issubclass(annotation, Config):
        yield annotation
        yield from (each for each in annotation.__subclasses__() if is_variant(each))  # of a part of an entry
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)
