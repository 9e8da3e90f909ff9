"""Records on disk: frozen dataclasses to JSON files and back, checked.

`read` holds a file against the type (a missing or ill-typed field is a ValueError); `write` gives a record one form, so
equal records are equal bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from snakelm.artifacts.files import write_json

RecordT = TypeVar("RecordT")


def read(record: type[RecordT], path: Path) -> RecordT:
    """A record from its file; OSError if there is none, ValueError if it is not one."""
    found: RecordT = _adapter(record).validate_json(path.read_bytes())
    return found


def write(path: Path, record: Any) -> None:
    """Write a record atomically; fields that are None are left out."""
    write_json(path, _adapter(type(record)).dump_python(record, mode="json", exclude_none=True))


_adapters: dict[Any, TypeAdapter[Any]] = {}


def _adapter(record: Any) -> TypeAdapter[Any]:
    if record not in _adapters:
        _adapters[record] = TypeAdapter(record)
    return _adapters[record]
