"""CPU threads as Snakemake granted them, waiting for each other without spinning."""

from __future__ import annotations

import os


def set_up(threads: int) -> None:
    """Call before torch is imported: it reads the waiting policy once.

    OpenMP threads spin at each barrier. Where other jobs want the same cores, a spinning thread keeps the one that
    it waits for from running: with two threads and four other busy processes on two cores, training of the default
    model went at 0.7 steps/s spinning and at 3.8 waiting passively (2026-11-22).

    The number of threads changes the last digits of trained weights: each thread sums its part, and sums of floats
    depend on their order. Measured in docs/notes.md; README.md says what is equal and when.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    torch.set_num_threads(threads)
