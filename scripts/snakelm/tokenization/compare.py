"""Tokenizers side by side: one table from the folders that save_tokenizer made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from snakelm.tokenization.statistics import TokenizerStatistics, read_statistics

if TYPE_CHECKING:
    import pandas

COLUMNS = {
    "kind": "kind",
    "vocab_size": "vocabulary",
    "bytes_per_token": "bytes per token",
    "tokens_per_word": "tokens per word",
    "whole_words": "whole words",
    "unknown_rate": "unknown tokens",
    "characters_lost": "characters lost",
    "round_trip": "round trip",
    "vocabulary_used": "vocabulary used",
    "renyi_efficiency": "Rényi efficiency",
}


def compare(folders: Sequence[Path], names: Sequence[str] | None = None) -> pandas.DataFrame:
    """A row per folder with its statistics (columns: COLUMNS), index = `names`, else the tokenizer's own name.

    A folder without statistics (no corpus to measure on) has empty cells.
    """
    import pandas

    rows = [read_statistics(folder) or TokenizerStatistics() for folder in folders]
    index = names or [row.name or folder.name for row, folder in zip(rows, folders, strict=True)]
    return pandas.DataFrame([[getattr(row, key) for key in COLUMNS] for row in rows], list(index), list(COLUMNS))
