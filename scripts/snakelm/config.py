"""The base of every config model, and the mark that keeps a key out of a run's identity."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Config(BaseModel):
    """A part of the recipe: typed, closed (unknown keys are refused) and immutable.

    Every field carries a description, from which config/README.md, the JSON schema and the command-line
    help are made. A field declared by `circumstance` cannot change a result and does not enter the id.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=False, allow_inf_nan=False)

    def identity(self) -> dict[str, Any]:
        """Every key that can change the result, with its value (defaults included), as plain JSON values."""
        return _without_circumstance(self)


def circumstance(default: Any = ..., *, description: str, **constraints: Any) -> Any:
    """A field that cannot change a result: cores, device, micro-batch, logging, paths, trackers."""
    return Field(default, description=description, json_schema_extra={"circumstance": True}, **constraints)


def is_circumstance(field: Any) -> bool:
    """Whether a pydantic FieldInfo was declared by `circumstance`."""
    return bool(isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("circumstance"))


def _without_circumstance(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {
            name: _without_circumstance(getattr(value, name))
            for name, field in type(value).model_fields.items()
            if not is_circumstance(field)
        }
    if isinstance(value, dict):
        return {str(key): _without_circumstance(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_circumstance(item) for item in value]
    return value
