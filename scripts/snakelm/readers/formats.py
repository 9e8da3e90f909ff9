"""The format of a file, as its name tells it."""

from __future__ import annotations

import os

SUFFIXES = {
    ".txt": "txt", ".text": "txt", ".md": "txt", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json",
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".parquet": "parquet", ".pq": "parquet",
    ".arrow": "arrow", ".feather": "arrow", ".warc": "warc", ".wet": "warc",
    ".conll": "conll", ".bio": "conll", ".iob": "conll", ".iob2": "conll", ".conllu": "conllu",
}  # fmt: skip
PACKED = (".gz", ".bz2", ".xz", ".zst")


def format_by_suffix(name: str) -> str | None:
    """The format that a file's suffix tells (that of a packing looked through); None where it tells none."""
    stem, suffix = os.path.splitext(name.lower())
    if suffix in PACKED:
        suffix = os.path.splitext(stem)[1]
    return SUFFIXES.get(suffix)
