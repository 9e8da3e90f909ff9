"""What differs between the settings of two recipes: old → new, key by key."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from snakelm.recipe.command import shown
from snakelm.recipe.schema import Recipe
from snakelm.report.ordering import natural
from snakelm.report.sections.reproduce import without_secrets


@dataclass(frozen=True)
class Change:
    key: str
    """models.tiny.learning_rate"""
    old: str
    """Empty where the key is not set."""
    new: str


def changes(old: Recipe, new: Recipe) -> list[Change]:
    """The keys whose values differ, in the order of their names; what both leave at its default is no change."""
    a, b = _flat(old), _flat(new)
    keys = sorted((key for key in a.keys() | b.keys() if a.get(key) != b.get(key)), key=natural)
    return [Change(key, a.get(key, ""), b.get(key, "")) for key in keys]


def _flat(recipe: Recipe) -> dict[str, str]:
    found: dict[str, str] = {}

    def add(value: Any, key: str) -> None:
        if isinstance(value, dict) and value:
            for name, item in value.items():
                add(item, f"{key}.{name}" if key else str(name))
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            for number, item in enumerate(value):
                add(item, f"{key}.{number}")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            found[key] = without_secrets(text)

    whole = recipe.model_dump(mode="json", exclude_unset=True)
    add({section: shown(value) for section, value in whole.items() if section != "report"}, "")
    return found
