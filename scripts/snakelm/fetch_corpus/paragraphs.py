"""Paragraphs that stand in a corpus more than once: all but one go.

The one that stays is in the document of the lowest rank, which depends on contents alone; so neither the order of the
documents nor anything else decides. While the corpus is read, a file gets 12 bytes a paragraph; afterwards it is looked
through in as many passes as keep about a million paragraphs in memory at a time.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

RECORD = np.dtype([("digest", "<u8"), ("document", "<u4")])
AT_ONCE = 1 << 20
BREAK = re.compile(r"(\r?\n[^\S\n]*(?:\r?\n[^\S\n]*)+)")
"""What stands between two paragraphs."""


def parts_of(text: str) -> list[str]:
    """Paragraphs and what stands between them, in turn."""
    return BREAK.split(text)


class Paragraphs:
    """Writes down the paragraphs of documents as they come.

    Paragraphs of fewer than `min_chars` characters are left out: they may repeat.
    """

    def __init__(self, path: Path, min_chars: int):
        self.path, self.min_chars = path, min_chars
        self.documents = 0
        self._file = open(path, "wb", buffering=AT_ONCE)  # noqa: SIM115 - closed by `close`

    def add(self, text: str) -> None:
        digests = [
            hashlib.blake2b(plain.encode(), digest_size=8).digest()
            for part in parts_of(text)[::2]
            if len(plain := part.strip()) >= self.min_chars
        ]
        records = np.zeros(len(digests), dtype=RECORD)
        records["digest"] = np.frombuffer(b"".join(digests), dtype="<u8")
        records["document"] = self.documents
        self._file.write(records.tobytes())
        self.documents += 1

    def close(self) -> None:
        self._file.close()

    def repeated(self, rank: np.ndarray, kept: np.ndarray) -> np.ndarray:
        """Whether a paragraph goes, (paragraphs written down,); `rank` and `kept` are (documents,)."""
        count = self.path.stat().st_size // RECORD.itemsize
        goes = np.zeros(count, dtype=bool)
        if not count:
            return goes
        records = np.memmap(self.path, dtype=RECORD, mode="r")
        passes = -(-count // AT_ONCE)
        for number in range(passes):
            mine = np.concatenate(
                [
                    at + np.flatnonzero(records["digest"][at : at + AT_ONCE] % np.uint64(passes) == number)
                    for at in range(0, count, AT_ONCE)
                ]
            )
            documents = records["document"][mine]
            mine, documents = mine[kept[documents]], documents[kept[documents]]
            digests = records["digest"][mine]
            order = np.lexsort((mine, rank[documents], digests))
            copies = np.r_[False, digests[order][1:] == digests[order][:-1]] if len(order) else np.zeros(0, dtype=bool)
            goes[mine[order[copies]]] = True
        return goes

    def without(self, text: str, goes: Iterator[bool]) -> tuple[str, list[str]]:
        """The text without the paragraphs that go, and those; `goes` is read on by as many as the text has."""
        parts = parts_of(text)
        kept: list[str] = []
        gone: list[str] = []
        for at in range(0, len(parts), 2):
            if len(parts[at].strip()) >= self.min_chars and next(goes):
                gone.append(parts[at])
            else:
                kept += ([parts[at - 1]] if kept and at else []) + [parts[at]]
        return "".join(kept), gone
