"""Training that gives the same bytes in every process."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tokenizers import Tokenizer


def train(tokenizer: Tokenizer, trainer: Any, batches: Iterable[list[str]]) -> Tokenizer:
    tokenizer.train_from_iterator(batches, trainer)
    return tokenizer
