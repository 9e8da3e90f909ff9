"""Features on disk: what one cell of a task has tokenized is read by the next (another init, perhaps another node).

An entry is one file, <key>.json, of the features of all splits (artifacts/cache.py). JSON because it gives back the
same lists and numbers, and is as quick as arrays once those are lists again: 20,000 short texts (370,000 tokens) take
1.1 s to tokenize, 0.03 s to write and 0.03 s to read, 100 texts 0.010 s and 0.001 s (one core, 2026-11-22).
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from snakelm.artifacts import cache
from snakelm.core.console import log
from snakelm.tasks.features import Features

Splits = dict[str, Features]


def shared(folder: Path | None, key: str, make: Callable[[], Splits]) -> Splits:
    """The features under this key: read where they are there and whole, else made and written for others."""

    def timed() -> Splits:
        began = time.monotonic()
        made = make()
        count = sum(len(features) for features in made.values())
        log.info(f"tokenized: {count:,} inputs in {time.monotonic() - began:.1f} s")
        return made

    return cache.shared(None if folder is None else folder / f"{key}.json", timed, _dump, _load)


def _load(body: bytes) -> Splits:
    with _without_collector():
        found = {split: Features(**fields) for split, fields in json.loads(body).items()}
    log.info("using cached features")
    return found


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Python's collector walks all the lists that grow here again and again, which takes ten times the reading."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _dump(splits: Splits) -> bytes:
    fields = {
        split: {f.name: getattr(made, f.name) for f in dataclasses.fields(made)} for split, made in splits.items()
    }
    return json.dumps(fields, separators=(",", ":")).encode()
