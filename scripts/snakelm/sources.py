"""Fingerprints of what a config reads from outside the recipe: local files and Python callables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from .errors import UserError
from .identity import CodeDigests, FileDigests, digest
from .readers.callables import callable_fingerprint
from .readers.config import SourceConfig
from .readers.paths import source_paths


def fingerprint(config: Any, files: FileDigests, code: CodeDigests) -> dict[str, Any]:
    """name → fingerprint of the local files and callables that a config names, at any depth."""
    found: dict[str, Any] = {}
    for source in _sources_in(config):
        for path in source_paths(source):
            try:
                found[path] = files(path)
            except OSError as error:
                raise UserError(
                    f"{path}: cannot be read ({error.strerror}); mend the path or its permissions"
                ) from None
        if source.python:
            described = callable_fingerprint(source.python)
            if path := described.get("file"):
                described = {"callable": source.python, "code": digest(code.modules(Path(path)))}
            found[source.python] = described
    return found


def _sources_in(value: Any) -> Iterator[SourceConfig]:
    if isinstance(value, SourceConfig):
        yield value
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _sources_in(getattr(value, name))
    elif isinstance(value, dict):
        for item in value.values():
            yield from _sources_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _sources_in(item)
