"""Metrics of the likelihood of text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame

    from snakelm.statistics.units import Floats, Units


def language_modeling(predictions: DataFrame) -> dict[str, float]:
    """Bits per byte of UTF-8, which compares models with different tokenizers, and perplexity per token, which
    does not. For masked models both are of the pseudo-likelihood (each token given all the others).

    Columns nats: float, minus log-likelihood of the row; tokens, bytes: int, what it was summed over."""
    nats = predictions["nats"].sum()
    return {
        "bits_per_byte": nats / math.log(2) / max(predictions["bytes"].sum(), 1),
        "perplexity": math.exp(min(nats / max(predictions["tokens"].sum(), 1), 700.0)),
    }


def language_modeling_without(predictions: DataFrame, units: Units) -> dict[str, Floats]:
    """The metrics of `language_modeling` of all units but one, for each."""
    import numpy

    nats, tokens, size = (units.total(predictions[name]) for name in ("nats", "tokens", "bytes"))
    return {
        "bits_per_byte": units.without(lambda a, b: a / math.log(2) / numpy.maximum(b, 1), nats, size),
        "perplexity": units.without(lambda a, b: numpy.exp(numpy.minimum(a / numpy.maximum(b, 1), 700)), nats, tokens),
    }
