"""Encoded text read by position: sequences of any length out of one memory-mapped stream of token ids."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Span:
    """Where a source of the corpus lies in a stream: the tokens from `begin` to before `end`."""

    name: str
    begin: int
    end: int
    bytes: int

    @property
    def tokens(self) -> int:
        return self.end - self.begin


class TokenStream:
    """One split of an encode_corpus run.

    Attributes: ids_T (memory map of T token ids), tokens, bytes (UTF-8, of the text), documents, sources (where each
    source lies; empty for a corpus without named sources).
    """

    def __init__(self, folder: Path, split: str):
        about = json.loads((folder / "encoded.json").read_text(encoding="utf-8"))
        counts = about["splits"].get(split, {"tokens": 0, "bytes": 0, "documents": 0})
        self.tokens, self.bytes, self.documents = counts["tokens"], counts["bytes"], counts["documents"]
        self.sources = tuple(Span(**source) for source in counts.get("sources", ()))
        self.vocab_size: int = about["vocab_size"]
        self._words = folder / f"{split}.words"
        self._bits: np.ndarray | None = None
        self.ids_T = np.zeros(0, dtype=about["dtype"])
        if self.tokens:
            self.ids_T = np.memmap(folder / f"{split}.bin", dtype=about["dtype"], mode="r", shape=(self.tokens,))

    def ids(self, begin: int, length: int) -> np.ndarray:
        """`length` ids from position `begin` on, as int64."""
        return self.ids_T[begin : begin + length].astype(np.int64)

    def word_starts(self, begin: int, length: int) -> np.ndarray:
        """For the same positions, whether a word begins there (the first always counts as a beginning)."""
        if self._bits is None:
            self._bits = np.memmap(self._words, dtype=np.uint8, mode="r")
        first = begin // 8
        bits = np.unpackbits(self._bits[first : (begin + length + 7) // 8])
        starts_L = bits[begin - 8 * first : begin - 8 * first + length].astype(bool)
        starts_L[0] = True
        return starts_L
