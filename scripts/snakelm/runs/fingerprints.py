"""Fingerprints of what a config reads from outside the recipe: local files and Python callables."""

from __future__ import annotations

import functools
import typing
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Any

from pydantic import BaseModel

from snakelm.core.config import is_outside
from snakelm.core.errors import UserError
from snakelm.readers.callables import callable_fingerprint
from snakelm.readers.config import CallableConfig, SourceConfig
from snakelm.readers.paths import source_paths
from snakelm.runs.code import CodeDigests
from snakelm.runs.digests import FileDigests

WORDS = frozenset({"scratch", "entry", "pretrained", "random"})
"""What `init` may say that is no name of a folder, though one may well be called so."""


def fingerprint(config: Any, files: FileDigests, code: CodeDigests) -> dict[str, Any]:
    """name → fingerprint of the local files and callables that a config names, at any depth."""
    found: dict[str, Any] = {}
    for source in _sources_in(config):
        for path in source_paths(source):
            try:
                found[path] = files(path)
            except OSError as error:
                raise UserError(f"{path}: cannot be read ({error.strerror}); fix the path or its permissions") from None
        if source.python:
            found[source.python] = _of_callable(source.python, code)
    for name in _callables_in(config):
        found[name] = _of_callable(name, code)
    for name in _outside_in(config):
        found.update(fingerprint_outside(name, files))
    return found


def _of_callable(python: str, code: CodeDigests) -> dict[str, str]:
    described = callable_fingerprint(python)
    if file := described.get("file"):
        module, _, name = python.partition(":")
        return {"callable": python, "code": code.callable(module, Path(file), name)}
    return described


@functools.cache
def _telling_fields(model: type[BaseModel]) -> tuple[tuple[str, bool], ...]:
    """(name, whether it names something outside) of the fields that can lead to a source; most lead to none."""
    plain = {str, int, float, bool, NoneType}

    def is_plain(annotation: Any) -> bool:
        return all(part in plain for part in typing.get_args(annotation) or (annotation,))

    return tuple(
        (name, is_outside(field))
        for name, field in model.model_fields.items()
        if is_outside(field) or not is_plain(field.annotation)
    )


def _outside_in(value: Any) -> Iterator[str]:
    """Names of outside models and tokenizers in a config."""
    if isinstance(value, BaseModel):
        for name, outside in _telling_fields(type(value)):
            item = getattr(value, name)
            if outside and isinstance(item, str):
                yield item
            else:
                yield from _outside_in(item)


def fingerprint_outside(name: str, files: FileDigests) -> dict[str, str]:
    """File → sha256 of an outside model or tokenizer that is a local folder; nothing for a Hub name."""
    folder = Path(name).expanduser()
    if name in WORDS or not folder.is_dir():
        return {}
    try:
        return {path.as_posix(): files(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    except OSError as error:
        place = error.filename or folder
        raise UserError(f"{place}: cannot be read ({error.strerror}); fix its permissions") from None


def _sources_in(value: Any) -> Iterator[SourceConfig]:
    if isinstance(value, SourceConfig):
        yield value
    if isinstance(value, BaseModel):
        for name, _ in _telling_fields(type(value)):
            yield from _sources_in(getattr(value, name))
    elif isinstance(value, dict):
        for item in value.values():
            yield from _sources_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _sources_in(item)


def _callables_in(value: Any) -> Iterator[str]:
    """Callables that a config names beside its sources, as `module:function`."""
    if isinstance(value, CallableConfig):
        yield value.python
    if isinstance(value, BaseModel):
        for name, _ in _telling_fields(type(value)):
            yield from _callables_in(getattr(value, name))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _callables_in(item)
