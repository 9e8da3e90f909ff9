"""Where addresses without a stated sum are recorded: a file beside the recipe, `<recipe>.sources.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SECTIONS = ("corpora", "tasks")


def lock_of(recipe: str | Path) -> str:
    """The lock file of a recipe, config/mine.yaml → config/mine.sources.yaml, with its whole path."""
    path = Path(recipe).resolve()
    return str(path.with_name(f"{path.stem}.sources.yaml"))


def with_lock(data: dict[str, Any], lock: str) -> dict[str, Any]:
    """A raw recipe in which every source that needs one names its lock file."""
    found = dict(data)
    for section in SECTIONS:
        if isinstance(entries := data.get(section), dict):
            found[section] = {name: _filled(entry, lock) for name, entry in entries.items()}
    return found


def _filled(value: Any, lock: str) -> Any:
    if isinstance(value, list):
        return [_filled(item, lock) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: item if key == "arguments" else _filled(item, lock) for key, item in value.items()}
    hub = value.get("hub")
    if ("url" in value and not value.get("sha256")) or (isinstance(hub, dict) and not hub.get("revision")):
        found.setdefault("lock", lock)
    return found
