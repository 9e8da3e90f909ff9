"""The base of every config model, and the mark that keeps a key out of a run's identity."""

from __future__ import annotations

import functools
from copy import copy
from types import NoneType
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict, Field


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

    def identity(self) -> dict[str, Any]:
        """Every key that can change the result, with its value (defaults included), as plain JSON values."""
        return dict(_identity(self, defaults=True))

    def changed(self) -> set[str]:
        """The keys whose value is not the default. (Whether a key was written out must never matter.)"""
        values = self.__dict__
        return {key.name for key in keys_of(type(self)) if key.required or values[key.name] != key.default}

    def explicit(self) -> dict[str, Any]:
        """The part of `identity` that differs from the defaults."""
        return dict(_identity(self, defaults=False))

    def written(self) -> dict[str, Any]:
        """The part of `identity` that was written out or differs from the defaults. (A value that is written out is
        asked for, also where the default of the code happens to be the same.)"""
        return dict(_identity(self, defaults=False, written=True))


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


@functools.cache
def keys_of(model: type[BaseModel]) -> tuple[Key, ...]:
    """The fields of a config model, in order."""
    return tuple(
        Key(
            name,
            field.is_required(),
            None if field.is_required() else field.get_default(call_default_factory=True),
            not (_marks(field).keys() & {"circumstance", "reference", "further_down"}),
        )
        for name, field in model.model_fields.items()
    )


def _identity(value: Any, defaults: bool, written: bool = False) -> Any:
    if isinstance(value, (str, int, float, bool, NoneType)):
        return value
    if isinstance(value, BaseModel):
        values = value.__dict__
        return {
            key.name: _identity(values[key.name], defaults, written)
            for key in keys_of(type(value))
            if key.identity
            and (
                defaults
                or key.required
                or values[key.name] != key.default
                or (written and key.name in value.model_fields_set)
            )
        }
    if isinstance(value, dict):
        return {str(key): _identity(item, defaults, written) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_identity(item, defaults, written) for item in value]
    return value
