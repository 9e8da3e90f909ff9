"""Which documents are held out: a draw that depends on the documents alone, not on their order.

Each group of documents (those of one value of the group column, else those of one text) has a hash of the seed and
itself. Groups are sorted by it; from the low end they go to test until it holds its fraction of the documents, from
the high end likewise to validation. So

- rows in another order, or a file split in two, give the same splits;
- the fractions are met as closely as whole groups allow, and each requested split gets at least one group, also
  where there are only a few (a threshold on the hash itself would give 237 addresses 5 ± 1.4 % for 5 %);
- changing the fraction of one held-out split leaves the other as it is;
- when documents are added, those held out stay held out but for the few whose hashes lie nearest to the cut.

`by: hash` draws each group by its hash alone (`draw_by_hash`): no document ever moves, whatever is added, and the
fractions are met about, as the chance of hashes has it.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy

from snakelm.core.errors import UserError
from snakelm.readers.corpus import SPLITS

TRAIN, VALIDATION, TEST = range(3)
NAMES = {
    "train": TRAIN, "training": TRAIN,
    "validation": VALIDATION, "valid": VALIDATION, "val": VALIDATION, "dev": VALIDATION, "development": VALIDATION,
    "test": TEST, "testing": TEST, "eval": TEST,
}  # fmt: skip


def group_key(seed: int, group: bytes) -> int:
    """A number below 2**64 that decides where the group goes."""
    return int.from_bytes(hashlib.blake2b(group, digest_size=8, key=str(seed).encode()).digest(), "big")


def draw(keys: numpy.ndarray, validation: float, test: float) -> numpy.ndarray:
    """keys (documents,), uint64, equal within a group → split index (documents,), uint8.

    Raises UserError if there are fewer groups than splits. O(n log n); 10 million documents need about 0.5 GB.
    """
    unique, group, sizes = numpy.unique(keys, return_inverse=True, return_counts=True)
    requested = 1 + bool(validation) + bool(test)
    if len(unique) < requested:
        raise UserError(
            f"{len(unique)} groups of documents cannot be divided into {requested} splits; "
            "set split: none, or make documents smaller (unit: paragraph or line)"
        )
    split = numpy.full(len(unique), TRAIN, dtype=numpy.uint8)
    if test:
        split[_take(sizes, test * len(keys), len(unique) - requested + 1)] = TEST
    if validation:
        left = numpy.flatnonzero(split == TRAIN)[::-1]
        split[left[_take(sizes[left], validation * len(keys), len(left) - 1)]] = VALIDATION
    return split[group]


def draw_by_hash(keys: numpy.ndarray, validation: float, test: float) -> numpy.ndarray:
    """As `draw`, by the keys alone: below `test` of their range to test, from 1 − `validation` of it on to validation.

    Raises UserError where no document falls into a split, train included.
    """
    split = numpy.full(len(keys), TRAIN, dtype=numpy.uint8)
    place = keys / 2.0**64
    split[place >= 1 - validation] = VALIDATION
    split[place < test] = TEST
    for index, fraction in ((TRAIN, 1 - validation - test), (VALIDATION, validation), (TEST, test)):
        if fraction and not (split == index).any():
            raise UserError(
                f"split: by hash, none of {len(numpy.unique(keys)):,} groups of documents falls into {SPLITS[index]} "
                f"({fraction:g}); raise the fraction, make documents smaller (unit: line), or set by: share"
            )
    return split


def _take(sizes: numpy.ndarray, target: float, most: int) -> numpy.ndarray:
    """Positions of the first groups whose sizes add up to about `target`: at least one, at most `most`.

    The sum stops where the next group would lead it further away. If not even the first fits, the group whose size
    is nearest to the target stands alone (the first of several).
    """
    sums = numpy.cumsum(sizes)
    count = min(int(numpy.searchsorted(sums - sizes / 2, target, side="right")), most)
    return numpy.arange(count) if count else numpy.array([int(numpy.argmin(numpy.abs(sizes - target)))])


def named_split(value: Any, where: str) -> int:
    """The split that a column names: train, validation (valid, val, dev) or test; else UserError."""
    try:
        return NAMES[str(value).strip().lower()]
    except KeyError:
        raise UserError(f"{where}: {value!r} is not the name of a split; expected {', '.join(SPLITS)}") from None
