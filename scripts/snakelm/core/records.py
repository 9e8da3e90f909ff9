"""Records on disk: frozen dataclasses to JSON files and back, checked.

`read` holds a file against the type (a missing or ill-typed field is a ValueError); `write` gives a record one form, so
equal records are equal bytes.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from snakelm.core.files import write_json

RecordT = TypeVar("RecordT")


def read(record: type[RecordT], path: Path) -> RecordT:
    """A record from its file; OSError if there is none, ValueError if it is not one."""
    return _adapter(record).validate_json(path.read_bytes())


def write(path: Path, record: Any) -> None:
    """Write a record atomically; fields that are None are left out."""
    write_json(path, _adapter(type(record)).dump_python(record, mode="json", exclude_none=True))


@functools.cache
def _adapter(record: type[RecordT]) -> TypeAdapter[RecordT]:
    return TypeAdapter(record)
