"""How stages read a fetched corpus: one parquet file per split, one row per document.

Layout of a fetch_corpus run: `train.parquet`, and `validation.parquet` and `test.parquet` where the recipe
holds some text out. Column `text` (string, never null) first; where the corpus has named sources, `source` (string,
never null) next, and the documents of a source stand together; then the sources' own columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

BYTES_AT_ONCE, ROWS_AT_ONCE = 1_000_000, 4096
SPLITS = ("train", "validation", "test")
NAMED = {b"snakelm.sources": b"named"}
"""Metadata of a split's schema that says that its column `source` has the names of sources."""


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


def source_runs(folder: Path, split: str) -> list[tuple[str, int]]:
    """(name, documents) of each source in the order of the split's documents; [] for a corpus without named sources."""
    import pyarrow.compute
    import pyarrow.parquet

    if not has_split(folder, split):
        return []
    found: list[tuple[str, int]] = []
    with pyarrow.parquet.ParquetFile(folder / f"{split}.parquet") as file:
        if not NAMED.items() <= (file.schema_arrow.metadata or {}).items():
            return []
        for batch in file.iter_batches(batch_size=ROWS_AT_ONCE * 16, columns=["source"]):
            names = pyarrow.compute.run_end_encode(batch.column(0))
            begin = 0
            for name, end in zip(names.values.to_pylist(), names.run_ends.to_pylist(), strict=True):
                if found and found[-1][0] == name:
                    found[-1] = (name, found[-1][1] + end - begin)
                else:
                    found.append((name, end - begin))
                begin = end
    return found


def read_split(folder: Path, split: str) -> pandas.DataFrame:
    """One split whole, as a data frame with the source's columns; FileNotFoundError if it is absent."""
    import pandas

    return pandas.read_parquet(folder / f"{split}.parquet")
