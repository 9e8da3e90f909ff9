"""One split's parquet file, written a row group at a time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

GROUP_CHARACTERS = 8 << 20
GROUP_DOCUMENTS = 1 << 16
LONG = 1 << 16
"""Characters beyond which words are counted one by one: a list of them costs 12 times the text."""
HUGE = 1 << 24
"""Characters of a document beyond which the file gets no statistics of its texts, which cost four times the text."""
WORD = re.compile(r"\S+")


class SplitWriter:
    """Writes documents to a parquet file (zstd) and counts documents, characters, bytes and words.

    Row groups end by content alone (8 Mi characters or 65,536 documents), so the same documents give the same bytes.
    """

    def __init__(self, path: Path, schema: pyarrow.Schema, longest: int = 0):
        """longest: characters of the longest document."""
        self.schema = schema
        statistics: bool | list[str] = True if longest <= HUGE else [name for name in schema.names if name != "text"]
        self.file = pyarrow.parquet.ParquetWriter(path, schema, compression="zstd", write_statistics=statistics)
        self.counts: Counter[str] = Counter(documents=0, characters=0, bytes=0, words=0)
        self._clear()

    def add(self, text: str, values: Sequence[Any], count: Counter[str]) -> None:
        """Write a document with the values of its other columns, and add its sizes to `count` too."""
        self.columns[0].append(text)
        for held, value in zip(self.columns[1:], values, strict=True):
            held.append(value)
        self.characters += len(text)
        sizes = {"documents": 1, "characters": len(text), "bytes": utf8_length(text), "words": count_words(text)}
        self.counts.update(sizes)
        count.update(sizes)
        if self.characters >= GROUP_CHARACTERS or len(self.columns[0]) >= GROUP_DOCUMENTS:
            self._flush()

    def close(self) -> None:
        self._flush()
        self.file.close()

    def _flush(self) -> None:
        if self.columns[0]:
            self.file.write_table(pyarrow.table(self.columns, schema=self.schema))
            self._clear()

    def _clear(self) -> None:
        self.columns: list[list[Any]] = [[] for _ in self.schema]
        self.characters = 0


def utf8_length(text: str) -> int:
    """Bytes of the text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def count_words(text: str) -> int:
    """Words as whitespace separates them."""
    return len(text.split()) if len(text) < LONG else sum(1 for _ in WORD.finditer(text))
