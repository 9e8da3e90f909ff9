"""Which rows make up which step: pure functions of (seed, epoch, position), so nothing need be remembered.

A run is a stream of samples numbered 0, 1, 2, …; sample i is row `permutation(seed, epoch, n)[position]` with
epoch, position = divmod(i, n). Step s is the samples [s·B, (s+1)·B) for a global batch of B, across the ends of
epochs, however many processes and micro-batches share it. A run resumed at step s on other hardware reads on at
sample s·B.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Protocol

import numpy as np


def generator(*key: int) -> np.random.Generator:
    """A random generator that depends on the key alone (non-negative integers); about 15 µs."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


@lru_cache(maxsize=4)
def permutation(seed: int, epoch: int, rows: int) -> np.ndarray:
    """The order of the rows in one epoch; 4 or 8 bytes a row."""
    order = np.arange(rows, dtype=np.uint32 if rows < 2**32 else np.uint64)
    generator(seed, epoch).shuffle(order)
    return order


class SampleStream(Protocol):
    """What training reads: the endless stream of samples over a table of rows, `stream[i]` for any i ≥ 0."""

    rows: int
    """Number of rows; one epoch reads each once."""

    def __len__(self) -> int: ...

    def __getitem__(self, sample: int) -> Any: ...


class Samples:
    """The endless stream of samples over a table of rows, as a map-style dataset: `samples[i]` for any i ≥ 0.

    Args:
        rows: number of rows; one epoch reads each once.
        read: (row, epoch, position) → a sample, whatever the collator takes.
        seed: orders the rows.
        length: number of samples in the whole run (the DataLoader asks for it).
    """

    def __init__(self, rows: int, read: Callable[[int, int, int], Any], seed: int, length: int):
        self.rows, self.read, self.seed, self.length = rows, read, seed, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, sample: int) -> Any:
        epoch, position = divmod(sample, self.rows)
        return self.read(int(permutation(self.seed, epoch, self.rows)[position]), epoch, position)


class StepSampler:
    """Yields the sample numbers of one process's micro-batches, step by step from the current one.

    Each step's global batch is dealt out in contiguous shares of equal size, first to processes, then to
    micro-batches, so that no count of either changes which samples a step sees.
    """

    def __init__(
        self, batch_size: int, micro_batches: int, steps: int, first_step: Callable[[], int], rank: int, world: int
    ):
        self.batch_size, self.micro_batches, self.steps = batch_size, micro_batches, steps
        self.first_step, self.rank, self.world = first_step, rank, world

    def __len__(self) -> int:
        return self.steps * self.micro_batches

    def __iter__(self) -> Iterator[list[int]]:
        share = self.batch_size // self.world
        for step in range(self.first_step(), self.steps):
            first = step * self.batch_size + self.rank * share
            for part in np.array_split(np.arange(first, first + share), self.micro_batches):
                yield part.tolist()
