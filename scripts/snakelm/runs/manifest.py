"""Describing a run that has just been made or adopted."""

from __future__ import annotations

from typing import Any

from snakelm.artifacts.files import plain
from snakelm.runs import machine
from snakelm.runs.records import Circumstance, FileEntry, Manifest, OrderedRun, Parent
from snakelm.runs.store import Store, content_digest, is_circumstantial, read_manifest


def describe(
    run: OrderedRun,
    store: Store,
    *,
    stage: str,
    run_id: str,
    identity: dict[str, Any],
    parents: dict[str, Parent],
    sources: dict[str, Any],
    code: str,
    files: dict[str, FileEntry],
    headline: dict[str, Any],
    circumstance: Circumstance,
    adopted: dict[str, str] | None = None,
) -> Manifest:
    """The manifest of a run. `same_as` is set where an earlier run of this name holds the same bytes."""
    content = content_digest(files)
    return Manifest(
        stage=stage,
        name=run.name,
        id=run_id,
        subject=run.subject,
        key=run.key,
        config=identity,
        explicit=run.explicit,
        parents=parents,
        sources=sources,
        code=code,
        content=content,
        files={name: entry for name, entry in files.items() if not is_circumstantial(name)},
        headline=plain(headline),
        versions=machine.versions(),
        circumstance=circumstance,
        same_as=_same_content(store, stage, run.name, content, run_id),
        adopted=adopted,
    )


def _same_content(store: Store, stage: str, name: str, content: str, own_id: str) -> str | None:
    """The canonical id of an earlier run of this entry that holds the same bytes."""
    for folder in store.folders_of(stage, name):
        try:
            other = read_manifest(folder)
        except (OSError, ValueError):
            continue
        if other.content == content and other.id != own_id:
            return other.canonical
    return None
