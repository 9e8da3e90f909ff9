"""What hidden tokens are replaced by in masked language modelling: 80 % the mask, 10 % another token, 10 % nothing.

Source: BERT (arXiv:1810.04805). Pretraining and fine-tuning on text share it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

SPLIT = (0.8, 0.1, 0.1)
"""Shares of the hidden tokens that become the mask, a random token, themselves."""


def ordinary_tokens(tokenizer: Any) -> np.ndarray:
    """The ids, in order, of the tokens that are not special."""
    return np.setdiff1d(np.arange(len(tokenizer)), np.array(sorted(tokenizer.all_special_ids), dtype=np.int64))


def hide(
    ids_L: np.ndarray,
    chosen_N: np.ndarray,
    random: np.random.Generator,
    mask_id: int,
    ordinary: np.ndarray,
    split: tuple[float, float, float] = SPLIT,
) -> None:
    """Replace in place the tokens at the `chosen` positions, each drawn by itself; `ordinary` are the random tokens.

    Draws N uniform numbers, then one token for each position that gets a random one.
    """
    draw_N = random.random(len(chosen_N))
    mask, other, _ = split
    ids_L[chosen_N[draw_N < mask]] = mask_id
    swapped_N = chosen_N[(draw_N >= mask) & (draw_N < mask + other)]
    ids_L[swapped_N] = random.choice(ordinary, len(swapped_N))
