"""Tokenizers side by side: one table from the folders that save_tokenizer made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

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
    """A row per folder with the figures of its figures.json (columns: COLUMNS), index = `names`, else the name there.

    A folder without figures (no corpus to measure on) has empty cells.
    """
    import pandas

    rows = [_figures(folder) for folder in folders]
    index = names or [row.get("name", folder.name) for row, folder in zip(rows, folders, strict=True)]
    return pandas.DataFrame([[row.get(key) for key in COLUMNS] for row in rows], index=index, columns=list(COLUMNS))


def _figures(folder: Path) -> dict[str, object]:
    file = folder / "figures.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
