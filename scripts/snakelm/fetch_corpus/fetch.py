"""fetch_corpus: read the sources once, then write their documents by split.

Algorithm: the first pass reads the sources one after another, cleans the texts and writes them to a scratch file in
the job's work folder, keeping per document 16 bytes of its text's digest, 8 of its group's hash and 2 for its source;
then the draw (splits.py) is made over all documents at once; the second pass copies the scratch file into one parquet
file per split, in the order of the sources. So any source is read once, whatever it costs, and memory holds 26 bytes
per document and one row group per split.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy

from snakelm.core.console import Progress, log
from snakelm.fetch_corpus.config import CorpusConfig, Part
from snakelm.fetch_corpus.documents import of_sources, summed, write
from snakelm.fetch_corpus.reading import DROPPED, Reading
from snakelm.fetch_corpus.scratch import Scratch
from snakelm.fetch_corpus.splits import TRAIN
from snakelm.readers.corpus import SPLITS
from snakelm.readers.row import Row
from snakelm.readers.rows import read_rows
from snakelm.runs.context import RunContext

SCRATCH = "documents"
"""The scratch file's name in the folder for such files."""


def fetch_corpus(context: RunContext[CorpusConfig]) -> dict[str, Any]:
    """Write train.parquet, and validation.parquet and test.parquet where text is held out.

    Returns documents, characters, bytes (UTF-8) and words per split, how many documents were dropped and why, how
    many held-out documents have the same text as a training document, and the same by source where sources have names.
    UserError for bad data, an empty corpus or source, and a split that cannot be made.
    """
    began = time.monotonic()
    config = context.config

    def rows(part: Part) -> Iterator[Row]:
        return read_rows(part.source, context.sources, context.work)

    headline = write_corpus(config, rows, context.out, context.work)
    context.times["seconds"] = round(time.monotonic() - began, 3)
    return headline


def check_rows(
    config: CorpusConfig, rows: Callable[[Part], Iterator[Row]], work: Path, incomplete: Collection[str] = ()
) -> None:
    """UserError for the first row that a corpus cannot be made of; `work` is a folder for scratch files.

    incomplete: names of the sources of which `rows` gives only the beginning, which may have no documents in it.
    """
    _read(config, rows, work, incomplete)


def _read(
    config: CorpusConfig, rows: Callable[[Part], Iterator[Row]], work: Path, incomplete: Collection[str] = ()
) -> Reading:
    read = Reading(config, work)
    with Scratch(work / SCRATCH) as file, Progress("reading", unit="rows") as bar:
        for number, part in enumerate(read.parts):
            read.part(number, rows(part), file, bar)
            if part.name not in incomplete:
                read.refuse_empty(number)
    return read


def write_corpus(config: CorpusConfig, rows: Callable[[Part], Iterator[Row]], out: Path, work: Path) -> dict[str, Any]:
    """`fetch_corpus` for the rows that `rows` gives of each source (`CorpusConfig.parts`): writes the splits into the
    folder `out`, with scratch files in the folder `work`, which it removes."""
    scratch = work / SCRATCH
    read = _read(config, rows, work)
    read.refuse_or_warn()
    split = read.splits()
    found = read.duplicates.find(read.texts(), split, read.priorities())
    written = write(out, scratch, split, found, read)
    scratch.unlink()
    numbers = summed(written.sizes)
    _compare_fractions(config, numbers["documents"])
    leaked = _held_out_in_train(read.texts()[found.kept], split[found.kept])
    if found.near_copies:
        log.warning(
            "%d of %d held-out documents nearly equal a training document; deduplicate: near drops such duplicates",
            found.near_copies,
            int((split[found.kept] != TRAIN).sum()),
        )
    if leaked:
        log.warning(
            "%d held-out documents have the same text as a training document; deduplicate: exact drops such duplicates",
            leaked,
        )
    dropped = {name: read.counts[name] for name in DROPPED} | {"duplicates": int((~found.kept).sum())}
    if read.duplicates.paragraphs is not None:
        dropped |= {"emptied": written.emptied}
    if read.steps:
        dropped["cleaned"] = read.counts["cleaned"]
    log.info(
        "%s; dropped: %s",
        ", ".join(f"{name} {count:,} documents" for name, count in numbers["documents"].items()),
        ", ".join(f"{name} {count:,}" for name, count in dropped.items()),
    )
    headline: dict[str, Any] = {
        **numbers,
        "dropped": dropped,
        "altered": {name: read.counts[name] for name in ("converted", "surrogates")},
        "with_control_characters": read.counts["control"],
        "held_out_texts_also_in_train": leaked,
    }
    if read.steps:
        headline["cleaning"] = [step.report() for step in read.steps]
    if found.near_copies is not None:
        headline["held_out_near_duplicates_in_train"] = found.near_copies
    if examples := written.examples():
        headline["duplicates"] = examples
    if config.has_names:
        headline["sources"] = of_sources(read, written.sizes, found.kept)
    return headline


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
