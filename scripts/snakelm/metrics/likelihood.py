"""Metrics of the likelihood of text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame


def language_modeling(predictions: DataFrame) -> dict[str, float]:
    """Bits per byte of UTF-8, which compares models with different tokenizers, and perplexity per token, which
    does not. For masked models both are of the pseudo-likelihood (each token given all the others).

    Columns nats: float, minus log-likelihood of the row; tokens, bytes: int, what it was summed over."""
    nats = predictions["nats"].sum()
    return {
        "bits_per_byte": nats / math.log(2) / max(predictions["bytes"].sum(), 1),
        "perplexity": math.exp(min(nats / max(predictions["tokens"].sum(), 1), 700.0)),
    }
