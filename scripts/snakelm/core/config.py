"""The base of every config model, and the mark that keeps a key out of a run's identity."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from types import NoneType
from typing import Any, ClassVar, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field


class Contents(Protocol):
    """What stands behind the names in a config. In an id it takes the place of the names: a file that was moved is the
    same file. UserError where something is missing or cannot be read."""

    def files(self, patterns: Sequence[str], in_order: bool = False) -> list[tuple[str, str]]:
        """(path, sha256) of the local files that paths and globs name: sorted and each once, or as they are given."""
        ...

    def folder(self, name: str) -> dict[str, str] | None:
        """File → sha256 of an outside model or tokenizer; None where the name is that of no local folder."""
        ...

    def code(self, place: str) -> Any:
        """The code of the Python callable `module:function`."""
        ...


@dataclass(frozen=True)
class View:
    """Which part of a config is asked for, and how: see `Config.identity`, `explicit` and `written`."""

    contents: Contents | None = None
    """Without it names stand for themselves, and keys are as they were given."""
    defaults: bool = True
    written: bool = False
    paths: bool = False
    """Whether what files are called changes what is made of them, so that their paths stand beside their content."""


CONTENT = "content"
"""The key, in an identity, of what takes the place of a name."""


class Config(BaseModel):
    """A part of the recipe: typed, closed (unknown keys are refused) and immutable.

    Every field carries a description, from which config/README.md, the JSON schema and the command-line
    help are made. A field declared by `circumstance` cannot change a result and does not enter the id.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=False, allow_inf_nan=False)

    variant: ClassVar[str] = ""
    """The name that a class is registered under (registry.py)."""
    renamed: ClassVar[dict[str, str]] = {}
    """Keys of earlier versions → what they are called now; they are refused with the new name."""

    def identity(self, contents: Contents | None = None) -> dict[str, Any]:
        """Every key that can change the result, with its value (defaults included), as plain JSON values.

        With `contents` in the normal form that ids are made of: what leads to the same result is the same.
        """
        return self.view(View(contents))

    def changed(self) -> set[str]:
        """The keys whose value is not the default. (Whether a key was written out must never matter.)"""
        values = self.__dict__
        return {key.name for key in keys_of(type(self)) if key.required or values[key.name] != key.default}

    def explicit(self, contents: Contents | None = None) -> dict[str, Any]:
        """The part of `identity` that differs from the defaults."""
        return self.view(View(contents, defaults=False))

    def written(self, contents: Contents | None = None) -> dict[str, Any]:
        """The part of `identity` that was written out or differs from the defaults. (A value that is written out is
        asked for, also where the default of the code happens to be the same.)"""
        return self.view(View(contents, defaults=False, written=True))

    def view(self, view: View) -> dict[str, Any]:
        """What of this config enters an id. A class whose keys depend on each other extends it: with `view.contents` it
        leaves out what changes nothing here, and says in one way what can be said in several."""
        values = self.__dict__
        return {
            key.name: (
                {CONTENT: files}
                if key.outside and view.contents and (files := _folder(values[key.name], view.contents)) is not None
                else _view(values[key.name], view)
            )
            for key in keys_of(type(self))
            if key.identity
            and (
                view.defaults
                or key.required
                or values[key.name] != key.default
                or (view.written and key.name in self.model_fields_set)
            )
        }


class Repeatable(Config):
    """An entry that can be carried out once more beside what exists, with nothing else changed."""

    attempt: int = Field(1, description="Raise it to make the same runs once more, beside the first ones.", ge=1)


def circumstance(default: Any = ..., *, description: str, **constraints: Any) -> Any:
    """A field that cannot change a result: cores, device, micro-batch, logging, paths, trackers."""
    return Field(default, description=description, json_schema_extra={"circumstance": True}, **constraints)


def further_down(default: Any = ..., *, description: str, **constraints: Any) -> Any:
    """A field that does not concern the entry's own stage: runs further down take it over, and it enters their ids."""
    return Field(default, description=description, json_schema_extra={"further_down": True}, **constraints)


def reference(to: str, default: Any = ..., *, description: str) -> Any:
    """A field that names another entry, under the recipe's map `to`. The name is no identity: the parent's id is."""
    return Field(default, description=description, json_schema_extra={"reference": to})


def outside(default: Any = ..., *, description: str) -> Any:
    """A field that may name a local folder (a model, a tokenizer), whose files then belong to the identity."""
    return Field(default, description=description, json_schema_extra={"outside": True})


def inherited(base: type[BaseModel], name: str, default: Any) -> Any:
    """The field `name` of `base` with another default; constraints, description and marks stay."""
    field = copy(base.model_fields[name])
    field.default = default
    return field


def is_outside(field: Any) -> bool:
    """Whether a FieldInfo was declared by `outside`."""
    return "outside" in _marks(field)


def is_circumstance(field: Any) -> bool:
    """Whether a pydantic FieldInfo was declared by `circumstance`."""
    return "circumstance" in _marks(field)


def is_further_down(field: Any) -> bool:
    """Whether a FieldInfo was declared by `further_down`."""
    return "further_down" in _marks(field)


def reference_of(field: Any) -> str | None:
    """The recipe's map that a FieldInfo declared by `reference` points into; None for other fields."""
    return _marks(field).get("reference")


def _marks(field: Any) -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


class Key(NamedTuple):
    """What is asked of a field thousands of times, once for each class."""

    name: str
    required: bool
    default: Any
    identity: bool
    """Whether it enters the id: neither a circumstance, nor a reference, nor for runs further down."""
    outside: bool
    """Whether it may name a local folder."""


@functools.cache
def keys_of(model: type[BaseModel]) -> tuple[Key, ...]:
    """The fields of a config model, in order."""
    return tuple(
        Key(
            name,
            field.is_required(),
            None if field.is_required() else field.get_default(call_default_factory=True),
            not (_marks(field).keys() & {"circumstance", "reference", "further_down"}),
            is_outside(field),
        )
        for name, field in model.model_fields.items()
    )


def _folder(name: Any, contents: Contents) -> dict[str, str] | None:
    return contents.folder(name) if isinstance(name, str) else None


def _view(value: Any, view: View) -> Any:
    if isinstance(value, (str, int, float, bool, NoneType)):
        return value
    if isinstance(value, Config):
        return value.view(view)
    if isinstance(value, dict):
        return {str(key): _view(item, view) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_view(item, view) for item in value]
    return value
