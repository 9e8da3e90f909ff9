"""The format of a file, as its name tells it."""

from __future__ import annotations

import os

SUFFIXES = {
    ".txt": "txt", ".text": "txt", ".md": "txt", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json",
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".parquet": "parquet", ".pq": "parquet",
    ".conll": "conll", ".bio": "conll", ".iob": "conll", ".iob2": "conll", ".conllu": "conllu",
}  # fmt: skip


def format_by_suffix(name: str) -> str | None:
    """The format that a file's suffix tells (.gz and .bz2 looked through); None where it tells none."""
    stem, suffix = os.path.splitext(name.lower())
    if suffix in (".gz", ".bz2"):
        suffix = os.path.splitext(stem)[1]
    return SUFFIXES.get(suffix)
