"""How stages read a fetched corpus: one parquet file per split, one row per document.

Layout of a fetch_corpus run: `train.parquet`, and `validation.parquet` and `test.parquet` where the recipe
holds some text out. Column `text` (string, never null) first, then the source's own columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

BYTES_AT_ONCE, ROWS_AT_ONCE = 1_000_000, 4096
SPLITS = ("train", "validation", "test")


def has_split(folder: Path, split: str) -> bool:
    return (folder / f"{split}.parquet").exists()


def iter_texts(folder: Path, split: str = "train") -> Iterator[str]:
    """The documents of one split in order, about a megabyte in memory at a time; none if the split is absent."""
    import pyarrow.parquet

    if not has_split(folder, split):
        return
    with pyarrow.parquet.ParquetFile(folder / f"{split}.parquet") as file:
        groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
        size = sum(group.total_byte_size for group in groups)
        rows = min(max(BYTES_AT_ONCE * file.metadata.num_rows // max(size, 1), 1), ROWS_AT_ONCE)
        for batch in file.iter_batches(batch_size=rows, columns=["text"]):
            yield from batch.column(0).to_pylist()


def read_split(folder: Path, split: str) -> pandas.DataFrame:
    """One split whole, as a data frame with the source's columns; FileNotFoundError if it is absent."""
    import pandas

    return pandas.read_parquet(folder / f"{split}.parquet")
