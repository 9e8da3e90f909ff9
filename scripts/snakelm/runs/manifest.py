"""What a run says of itself: the one form of manifest.json, for runs that were made and for runs that were adopted."""

from __future__ import annotations

import math
from typing import Any

from snakelm.runs.store import MANIFEST, Store, content_digest, is_circumstantial, read_manifest


def describe(
    run: dict[str, Any],
    *,
    stage: str,
    run_id: str,
    identity: dict[str, Any],
    parents: dict[str, dict[str, Any]],
    sources: dict[str, Any],
    code: str,
    files: dict[str, dict[str, Any]],
    headline: dict[str, Any],
    versions: dict[str, str],
    circumstance: dict[str, Any],
    store: Store,
) -> dict[str, Any]:
    """The manifest of a run. All but `circumstance` is the same on every machine.

    run: name, key and explicit config, as in its order; parents: role → stage, name and canonical id; files: as
    `store.file_table` gives them. `same_as` is added where an earlier run of this name holds the same bytes.
    """
    content = content_digest(files)
    manifest = {
        "stage": stage,
        "name": run["name"],
        "id": run_id,
        "key": run["key"],
        "config": identity,
        "explicit": run["explicit"],
        "parents": parents,
        "sources": sources,
        "code": code,
        "content": content,
        "files": {name: entry for name, entry in files.items() if not is_circumstantial(name)},
        "headline": _plain(headline),
        "versions": versions,
        "circumstance": _plain(circumstance),
    }
    if same := _same_content(store, stage, run["name"], content, run_id):
        manifest["same_as"] = same
    return manifest


def _plain(value: Any) -> Any:
    """JSON values only; a number that is none (a correlation of constants, a loss that blew up) becomes null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):  # NumPy's float64 is one
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    # NumPy and torch scalars; what is left is shown as text, so that a run is never lost for its manifest.
    return _plain(value.item()) if hasattr(value, "item") else str(value)


def _same_content(store: Store, stage: str, name: str, content: str, own_id: str) -> str | None:
    """The canonical id of an earlier run of this entry that holds the same bytes."""
    for folder in sorted((store.root / stage).glob(f"{name}-*/{MANIFEST}")):
        try:
            other = read_manifest(folder.parent)
        except (OSError, ValueError):
            continue
        if other.get("content") == content and other["id"] != own_id:
            return str(other.get("same_as") or other["id"])
    return None
