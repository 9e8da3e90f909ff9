"""Encoded text read by position: sequences of any length out of one memory-mapped stream of token ids."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from snakelm.training.sampling import permutation


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
        self._offsets = folder / f"{split}.offsets.npy"
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

    def shuffled(self, seed: int) -> ShuffledStream:
        """The same text with its documents in another order in each epoch."""
        return ShuffledStream(self, np.load(self._offsets), seed)


class ShuffledStream:
    """The documents of a stream in a new order for each epoch, read by position like the stream itself.

    The order is a pure function of (seed, epoch). Memory: 24 bytes a document for each of the two epochs that a batch
    may read; a position is found by bisection.

    Args:
        offsets_D: where each of the documents begins, and the end.
    """

    def __init__(self, stream: TokenStream, offsets_D: np.ndarray, seed: int):
        self.stream, self._offsets_D, self.seed = stream, offsets_D, seed
        self._order = lru_cache(maxsize=2)(self._epoch)

    def ids(self, epoch: int, begin: int, length: int) -> np.ndarray:
        """`length` ids from position `begin` of this epoch's text on, as int64."""
        return self._read(self.stream.ids, epoch, begin, length)

    def word_starts(self, epoch: int, begin: int, length: int) -> np.ndarray:
        """For the same positions, whether a word begins there (the first always counts as a beginning)."""
        return self._read(self.stream.word_starts, epoch, begin, length)

    def _read(self, read: Callable[[int, int], np.ndarray], epoch: int, begin: int, length: int) -> np.ndarray:
        begins_D, ends_D = self._order(epoch)
        number = int(np.searchsorted(ends_D, begin, side="right"))
        parts = []
        while length > 0:
            left = int(ends_D[number]) - begin
            take = min(left, length)
            size = int(ends_D[number] - (ends_D[number - 1] if number else 0))
            if take:
                parts.append(read(int(begins_D[number]) + size - left, take))
            begin, length, number = begin + take, length - take, number + 1
        return np.concatenate(parts)

    def _epoch(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Where each document begins in the stream, in this epoch's order, and where it ends in this epoch's text."""
        order_D = permutation(self.seed, epoch, len(self._offsets_D) - 1)
        sizes_D = np.diff(self._offsets_D)[order_D]
        return self._offsets_D[:-1][order_D], np.cumsum(sizes_D)
