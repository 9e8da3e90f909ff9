"""fetch_corpus: read a source once, then write its documents by split.

Algorithm: the first pass reads the source, cleans the texts and writes them to a scratch file in the job's work
folder, keeping per document 16 bytes of its text's digest and 8 of its group's hash; then the draw (splits.py) is
made over all documents at once; the second pass copies the scratch file into one parquet file per split, in the
source's order. So any source is read once, whatever it costs, and memory holds 24 bytes per document and one row
group per split.
"""

from __future__ import annotations

import json
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy

from snakelm.core.console import Progress, log
from snakelm.core.errors import UserError
from snakelm.fetch_corpus.clean import Cleaner, digest, scalar
from snakelm.fetch_corpus.columns import Columns
from snakelm.fetch_corpus.config import CorpusConfig
from snakelm.fetch_corpus.splits import TRAIN, draw, group_key, named_split
from snakelm.fetch_corpus.writing import SplitWriter
from snakelm.readers.corpus import SPLITS
from snakelm.readers.row import Row
from snakelm.readers.rows import column, read_rows
from snakelm.runs.context import RunContext


def fetch_corpus(context: RunContext[CorpusConfig]) -> dict[str, Any]:
    """Write train.parquet, and validation.parquet and test.parquet where text is held out.

    Returns documents, characters, bytes (UTF-8) and words per split, how many documents were dropped and why, and
    how many held-out documents have the same text as a training document. UserError for bad data, an empty corpus,
    and a split that cannot be made.
    """
    began = time.monotonic()
    rows = read_rows(context.config, context.sources, context.work)
    numbers = write_corpus(context.config, rows, context.out, context.work / "documents.jsonl")
    context.times["seconds"] = round(time.monotonic() - began, 3)
    return numbers


def write_corpus(config: CorpusConfig, rows: Iterator[Row], out: Path, scratch: Path) -> dict[str, Any]:
    """`fetch_corpus` for any rows: writes the splits into the folder `out`; `scratch` is a file that it removes."""
    read = _Reading(config)
    read.all(rows, scratch)
    read.refuse_or_warn()
    split, duplicates = read.splits(), 0
    kept = numpy.ones(len(split), dtype=bool)
    if config.deduplicate == "exact":
        kept = numpy.zeros(len(split), dtype=bool)
        kept[numpy.unique(read.texts(), return_index=True)[1]] = True
        duplicates = int(len(kept) - kept.sum())
    numbers = _write(out, scratch, split, kept, read.columns)
    scratch.unlink()
    _compare_fractions(config, numbers["documents"])
    leaked = _held_out_in_train(read.texts()[kept], split[kept])
    if leaked:
        log.warning(
            "%d held-out documents have the same text as a training document; deduplicate: exact drops such duplicates",
            leaked,
        )
    dropped = {name: read.clean.counts[name] for name in ("null", "empty", "short")} | {"duplicates": duplicates}
    log.info(
        "%s; dropped: %s",
        ", ".join(f"{name} {count:,} documents" for name, count in numbers["documents"].items()),
        ", ".join(f"{name} {count:,}" for name, count in dropped.items()),
    )
    return {
        **numbers,
        "dropped": dropped,
        "altered": {name: read.clean.counts[name] for name in ("converted", "surrogates")},
        "with_control_characters": read.clean.counts["control"],
        "held_out_texts_also_in_train": leaked,
    }


def check_rows(config: CorpusConfig, rows: Iterator[Row], scratch: Path) -> None:
    """UserError for the first row that a corpus cannot be made of; `scratch` is a file that is written."""
    _Reading(config).all(rows, scratch)


class _Reading:
    """The first pass and what it leaves in memory."""

    def __init__(self, config: CorpusConfig):
        self.config = config
        self.clean = Cleaner(config)
        self.columns = Columns(config.text, config.keep)
        self.digests = bytearray()
        self.keys = array("Q")  # group hash, or with a split column the split's index
        self.rows = 0

    def all(self, rows: Iterator[Row], scratch: Path) -> None:
        with open(scratch, "w", encoding="utf-8") as file, Progress("reading", unit="rows") as bar:
            for row in rows:
                self.rows += 1
                bar.advance()
                text = self.clean(column(row, self.config.text), row.where)
                if text is not None:
                    text_digest = digest(text)
                    self.digests += text_digest
                    self.keys.append(self._key(row, text_digest))
                    file.write(json.dumps([text, *self.columns.values(row)], ensure_ascii=False) + "\n")

    def _key(self, row: Row, text_digest: bytes) -> int:
        split, group = self.config.split, self.config.group
        if split.column is not None:
            return named_split(column(row, split.column), f"{row.where}: column {split.column!r}")
        if group is None:
            return group_key(split.seed, text_digest)
        if group == "file" and group not in row:
            return group_key(split.seed, row.file.encode())
        value = scalar(column(row, group))
        if value is None or value is NotImplemented:
            raise UserError(f"{row.where}: column {group!r} has no value to group by")
        return group_key(split.seed, str(value).encode())

    def texts(self) -> numpy.ndarray:
        """The documents' digests (documents,), 16 bytes each."""
        return numpy.frombuffer(bytes(self.digests), dtype="V16").view([("high", "u8"), ("low", "u8")])

    def splits(self) -> numpy.ndarray:
        """Split index (documents,) of each document."""
        keys = numpy.frombuffer(self.keys, dtype=numpy.uint64)
        split = self.config.split
        if split.column is None:
            return draw(keys, split.validation, split.test)
        if not (keys == TRAIN).any():
            raise UserError(f"column {split.column!r} assigns no document to train")
        return keys.astype(numpy.uint8)

    def refuse_or_warn(self) -> None:
        counts = self.clean.counts
        if not self.keys:
            reasons = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()) if count)
            raise UserError(
                f"the corpus has no documents: the source has {self.rows} rows" + (f" ({reasons})" if reasons else "")
            )
        self.columns.refuse_or_warn()
        if counts["converted"]:
            log.warning("%d documents are numbers, not text; kept as they print", counts["converted"])
        if counts["surrogates"]:
            log.warning("%d documents had lone halves of surrogate pairs; replaced by U+FFFD", counts["surrogates"])
        if counts["control"] and self.config.control == "keep":
            log.warning("%d documents have control characters (kept; control: drop removes them)", counts["control"])


def _write(out: Path, scratch: Path, split: numpy.ndarray, kept: numpy.ndarray, columns: Columns) -> dict[str, Any]:
    present = sorted(set(split[kept].tolist()))
    writers = {index: SplitWriter(out / f"{SPLITS[index]}.parquet", columns.schema()) for index in present}
    with open(scratch, encoding="utf-8", newline="\n") as file, Progress("writing", len(split), "documents") as bar:
        for line, index, keep in zip(file, split.tolist(), kept.tolist(), strict=True):
            bar.advance()
            if keep:
                text, *values = json.loads(line)
                writers[index].add(text, columns.in_order(values))
    for writer in writers.values():
        writer.close()
    return {
        name: {SPLITS[index]: writer.counts[name] for index, writer in writers.items()}
        for name in ("documents", "characters", "bytes", "words")
    }


def _held_out_in_train(texts: numpy.ndarray, split: numpy.ndarray) -> int:
    train = split == TRAIN
    return int(numpy.isin(texts["high"][~train], texts["high"][train], kind="sort").sum())


def _compare_fractions(config: CorpusConfig, documents: dict[str, int]) -> None:
    total = sum(documents.values())
    for name in SPLITS[1:]:
        wanted = getattr(config.split, name)
        got = documents.get(name, 0) / total
        if wanted and abs(got - wanted) > wanted / 2:
            log.warning("%s holds %.3g of the documents, not %.3g: groups are too large", name, got, wanted)
