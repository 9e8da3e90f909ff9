"""Which documents and paragraphs of a corpus go because they stand in it already."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from snakelm.fetch_corpus.config import DeduplicateConfig
from snakelm.fetch_corpus.minhash import signature
from snakelm.fetch_corpus.near import clusters
from snakelm.fetch_corpus.paragraphs import Paragraphs
from snakelm.fetch_corpus.splits import TRAIN

EXAMPLES = 10


@dataclass
class Found:
    """What the search found, for documents (documents,) and paragraphs."""

    kept: np.ndarray
    """Whether a document stays."""
    near_copies: int | None = None
    """Held-out documents that nearly equal a training document, of those that stay; None where nobody looked."""
    goes: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    """Whether a paragraph goes."""
    pairs: list[tuple[int, int]] = field(default_factory=list)
    """Examples: a near-duplicate that goes, and the document that it is like."""


class Duplicates:
    """Collects of each document what the search needs, in the order in which they come."""

    def __init__(self, config: DeduplicateConfig, work: Path):
        self.config = config
        self.looks_near = "near" in (config.documents, config.check_splits)
        self.paragraphs = Paragraphs(work / "paragraphs", config.min_chars) if config.paragraphs == "exact" else None
        self._path = work / "signatures"
        self._signatures = open(self._path, "wb", buffering=1 << 20) if self.looks_near else None  # noqa: SIM115

    def add(self, text: str) -> None:
        if self._signatures is not None:
            self._signatures.write(signature(text, self.config.unit, self.config.length).astype("<u4").tobytes())
        if self.paragraphs is not None:
            self.paragraphs.add(text)

    def find(self, texts: np.ndarray, split: np.ndarray, priority: np.ndarray) -> Found:
        """What goes. `texts`: digests; `split`: where each document is; `priority`: of its source, the lowest wins.

        Of equal documents the first of the source with the lowest priority stays. Of near-duplicates and of paragraphs
        it is what is held out, else what is of the source with the lowest priority, else that of the lowest digest.
        """
        count = len(texts)
        found = Found(np.ones(count, dtype=bool))
        if self.config.documents == "none" and not self.looks_near and self.paragraphs is None:
            return found
        if self.config.documents == "exact":
            order = np.lexsort((np.arange(count), priority))
            found.kept[:] = False
            found.kept[order[np.unique(texts[order], return_index=True)[1]]] = True
        rank = np.empty(count, dtype=np.int64)
        rank[np.lexsort((np.arange(count), texts["low"], texts["high"], priority, split == TRAIN))] = np.arange(count)
        if self._signatures is not None:
            self._signatures.close()
            first = clusters(self._path, rank, self.config.similarity)
            copies = first != np.arange(count)
            if self.config.documents == "near":
                found.kept = ~copies
                found.pairs = _pairs(texts["high"], first)
            found.near_copies = _across(first[found.kept], split[found.kept])
            self._path.unlink()
        if self.paragraphs is not None:
            self.paragraphs.close()
            found.goes = self.paragraphs.repeated(rank, found.kept)
            self.paragraphs.path.unlink()
        return found


def _pairs(digests: np.ndarray, first: np.ndarray) -> list[tuple[int, int]]:
    """Examples of documents that go, and what they are like: no two of one text, and rather not its own copies."""
    gone = np.flatnonzero(first != np.arange(len(first)))
    differ = gone[digests[gone] != digests[first[gone]]]
    chosen = differ if len(differ) else gone
    once = chosen[np.unique(digests[chosen], return_index=True)[1]]
    return [(int(one), int(first[one])) for one in once[:EXAMPLES]]


def _across(first: np.ndarray, split: np.ndarray) -> int:
    """Held-out documents in a cluster with a training document."""
    in_train = np.unique(first[split == TRAIN])
    return int(np.isin(first[split != TRAIN], in_train).sum())
