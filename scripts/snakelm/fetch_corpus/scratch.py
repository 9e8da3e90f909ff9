"""The documents of a corpus between two passes: one file of records, written and read from front to back."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

HEAD = struct.Struct("<QI")
BUFFER = 1 << 20


class Document(NamedTuple):
    """A document as it was read: its text in UTF-8, and the values of its other columns."""

    text: bytes
    values: list[Any]


class Scratch:
    """Writes documents; a record is the lengths of text and values, then both. One document is in memory at a time."""

    def __init__(self, path: Path):
        self.path = path
        self._file = open(path, "wb", buffering=BUFFER)  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()

    def add(self, text: bytes, values: Sequence[Any]) -> None:
        packed = json.dumps(values, ensure_ascii=False).encode()
        self._file.write(HEAD.pack(len(text), len(packed)))
        self._file.write(text)
        self._file.write(packed)


def read_scratch(path: Path) -> Iterator[Document]:
    """The documents in the order in which they were written."""
    with open(path, "rb", buffering=BUFFER) as file:
        while head := file.read(HEAD.size):
            text_length, values_length = HEAD.unpack(head)
            text = file.read(text_length)
            yield Document(text, json.loads(file.read(values_length)))
