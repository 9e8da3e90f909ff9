"""Which documents nearly equal each other: locality-sensitive hashing of their MinHash signatures.

Algorithm (Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, chapter 3): a signature is cut into b bands of r
entries, and documents that agree in a whole band are candidates. Each is compared with the first of them (by a rank
that depends on the contents alone); those whose signatures agree in at least the asked share of entries are joined, and
what is joined with something joined is one cluster. So the clusters do not depend on the order of the documents.

Expected recall: two documents of similarity s are candidates with probability 1 − (1 − s^r)^b. `bands` takes the
longest bands with at least 0.99 at the threshold: for 0.8, 21 bands of 6 (0.998 at 0.8, 0.84 at 0.65, 0.28 at 0.5); the
comparison then removes the wrong ones. Near the threshold the estimate errs by about 0.035 either way.

Cost: signatures stand on disk, 512 bytes a document; memory holds about 40 bytes a document, and the sorting of one
band. 500,000 documents, half of them near-duplicates, took 4 s beside the hashing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from snakelm.fetch_corpus.minhash import BINS

LEAST_RECALL = 0.99
AT_ONCE = 1 << 14
"""Documents whose signatures are in memory at a time."""


def bands(similarity: float) -> tuple[int, int]:
    """(number of bands, entries of each) for a threshold."""
    for rows in range(BINS, 0, -1):
        count = BINS // rows
        if 1 - (1 - similarity**rows) ** count >= LEAST_RECALL:
            return count, rows
    return BINS, 1


def clusters(path: Path, rank: np.ndarray, similarity: float) -> np.ndarray:
    """The first document (documents,) of each document's cluster: itself, or one of a lower rank.

    path: signatures, one after another; rank: (documents,), distinct numbers.
    """
    count = len(rank)
    first = np.arange(count)
    if count < 2:
        return first
    signatures = np.memmap(path, dtype="<u4", mode="r", shape=(count, BINS))
    number, rows = bands(similarity)
    for band in range(number):
        keys = _keys(signatures, band * rows, rows)
        order = np.lexsort((rank, keys))
        begins = np.flatnonzero(np.r_[True, keys[order][1:] != keys[order][:-1]])
        leads = np.repeat(order[begins], np.diff(np.r_[begins, count]))
        candidates = order != leads
        _join(first, rank, signatures, order[candidates], leads[candidates], similarity)
    return _roots(first)


def _keys(signatures: np.ndarray, begin: int, rows: int) -> np.ndarray:
    """A hash (documents,) of a band of each signature."""
    keys = np.zeros(len(signatures), dtype=np.uint64)
    for at in range(0, len(signatures), AT_ONCE):
        part = signatures[at : at + AT_ONCE, begin : begin + rows].astype(np.uint64)
        mixed = np.zeros(len(part), dtype=np.uint64)
        for column in part.T:
            mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
        keys[at : at + AT_ONCE] = mixed
    return keys


def _join(
    first: np.ndarray,
    rank: np.ndarray,
    signatures: np.ndarray,
    documents: np.ndarray,
    leads: np.ndarray,
    similarity: float,
) -> None:
    """Put each document whose signature is like that of its lead into the lead's cluster."""
    for at in range(0, len(documents), AT_ONCE):
        ours, theirs = documents[at : at + AT_ONCE], leads[at : at + AT_ONCE]
        alike = (signatures[ours] == signatures[theirs]).mean(axis=1) >= similarity
        for one, other in zip(ours[alike].tolist(), theirs[alike].tolist(), strict=True):
            one, other = _root(first, one), _root(first, other)
            if one != other:
                low, high = (one, other) if rank[one] < rank[other] else (other, one)
                first[high] = low


def _root(first: np.ndarray, document: int) -> int:
    while first[document] != document:
        first[document] = first[first[document]]
        document = int(first[document])
    return document


def _roots(first: np.ndarray) -> np.ndarray:
    while not np.array_equal(following := first[first], first):
        first = following
    return first
