"""One split's parquet file, written a row group at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

GROUP_CHARACTERS = 8 << 20
GROUP_DOCUMENTS = 1 << 16


class SplitWriter:
    """Writes documents to a parquet file (zstd) and counts documents, characters, bytes and words.

    Row groups end by content alone (8 Mi characters or 65,536 documents), so the same documents give the same bytes.
    """

    def __init__(self, path: Path, schema: pyarrow.Schema):
        self.schema = schema
        self.file = pyarrow.parquet.ParquetWriter(path, schema, compression="zstd")
        self.counts: Counter[str] = Counter(documents=0, characters=0, bytes=0, words=0)
        self._clear()

    def add(self, text: str, values: Sequence[Any]) -> None:
        self.columns[0].append(text)
        for held, value in zip(self.columns[1:], values, strict=True):
            held.append(value)
        self.characters += len(text)
        self.counts["documents"] += 1
        self.counts["characters"] += len(text)
        self.counts["bytes"] += len(text.encode())
        self.counts["words"] += len(text.split())
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
