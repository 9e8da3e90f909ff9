"""fetch_corpus: read the sources once, then write their documents by split.

Algorithm: the first pass reads the sources one after another, cleans the texts and writes them to a scratch file in
the job's work folder, keeping per document 16 bytes of its text's digest, 8 of its group's hash and 2 for its source;
then the draw (splits.py) is made over all documents at once; the second pass copies the scratch file into one parquet
file per split, in the order of the sources. So any source is read once, whatever it costs, and memory holds 26 bytes
per document and one row group per split.
"""

from __future__ import annotations

import time
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy

from snakelm.core.console import Progress, log
from snakelm.core.errors import UserError
from snakelm.fetch_corpus.clean import Cleaner, digest, scalar
from snakelm.fetch_corpus.columns import Columns
from snakelm.fetch_corpus.config import CorpusConfig, Part
from snakelm.fetch_corpus.pipeline import StepCount
from snakelm.fetch_corpus.scratch import Scratch, read_scratch
from snakelm.fetch_corpus.splits import TRAIN, draw, group_key, named_split
from snakelm.fetch_corpus.template import text_of
from snakelm.fetch_corpus.writing import SplitWriter
from snakelm.readers.corpus import SPLITS
from snakelm.readers.row import Row
from snakelm.readers.rows import column, read_rows
from snakelm.runs.context import RunContext

DROPPED = ("null", "empty", "short")
SIZES = ("documents", "characters", "bytes", "words")


def fetch_corpus(context: RunContext[CorpusConfig]) -> dict[str, Any]:
    """Write train.parquet, and validation.parquet and test.parquet where text is held out.

    Returns documents, characters, bytes (UTF-8) and words per split, how many documents were dropped and why, how
    many held-out documents have the same text as a training document, and the same by source where sources have names.
    UserError for bad data, an empty corpus or source, and a split that cannot be made.
    """
    began = time.monotonic()
    config = context.config
    scratch = context.work / "documents"
    read = _Reading(config)
    with Scratch(scratch) as file, Progress("reading", unit="rows") as bar:
        for number, part in enumerate(read.parts):
            read.part(number, read_rows(part.source, context.sources, context.work), file, bar)
    read.refuse_or_warn()
    split, duplicates = read.splits(), 0
    kept = numpy.ones(len(split), dtype=bool)
    if config.deduplicate == "exact":
        kept = numpy.zeros(len(split), dtype=bool)
        kept[numpy.unique(read.texts(), return_index=True)[1]] = True
        duplicates = int(len(kept) - kept.sum())
    by_source = _write(context.out, scratch, split, kept, read)
    scratch.unlink()
    numbers = _summed(by_source)
    _compare_fractions(config, numbers["documents"])
    leaked = _held_out_in_train(read.texts()[kept], split[kept])
    if leaked:
        log.warning(
            "%d held-out documents have the same text as a training document; deduplicate: exact drops such duplicates",
            leaked,
        )
    dropped = {name: read.counts[name] for name in DROPPED} | {"duplicates": duplicates}
    log.info(
        "%s; dropped: %s",
        ", ".join(f"{name} {count:,} documents" for name, count in numbers["documents"].items()),
        ", ".join(f"{name} {count:,}" for name, count in dropped.items()),
    )
    context.times["seconds"] = round(time.monotonic() - began, 3)
    found: dict[str, Any] = {
        **numbers,
        "dropped": dropped,
        "altered": {name: read.counts[name] for name in ("converted", "surrogates")},
        "with_control_characters": read.counts["control"],
        "held_out_texts_also_in_train": leaked,
    }
    if read.steps:
        found["dropped"]["cleaned"] = read.counts["cleaned"]
        found["cleaning"] = [step.report() for step in read.steps]
    if config.has_names:
        found["sources"] = _of_sources(read, by_source, kept)
    return found


class _Reading:
    """The first pass and what it leaves in memory."""

    def __init__(self, config: CorpusConfig):
        self.config = config
        self.parts = config.parts()
        shared = [StepCount(step) for step in config.clean] if config.sources else []
        self.steps: list[StepCount] = []
        """What each cleaning step did: those of the sources, then those of the whole corpus."""
        self.cleaners: list[Cleaner] = []
        for part in self.parts:
            own = [StepCount(step, part.name) for step in part.source.clean]
            self.steps += own
            self.cleaners.append(Cleaner(config, [*own, *shared]))
        self.steps += shared
        self.columns = Columns(config.keep, config.has_names)
        self.digests = bytearray()
        self.keys = array("Q")  # group hash, or with a split column the split's index
        self.numbers = array("H")  # of the part
        self.rows: Counter[int] = Counter()

    @property
    def counts(self) -> Counter[str]:
        """What the cleaners of all parts counted."""
        return sum((cleaner.counts for cleaner in self.cleaners), Counter())

    def part(self, number: int, rows: Iterator[Row], scratch: Scratch, bar: Progress) -> None:
        part, clean = self.parts[number], self.cleaners[number]
        name = part.source.text if part.source.template is None else None
        for row in rows:
            self.rows[number] += 1
            bar.advance()
            text = clean(text_of(row, part.source), row, name)
            if text is not None:
                packed = text.encode()
                text_digest = digest(packed)
                self.digests += text_digest
                self.keys.append(self._key(row, text_digest, part))
                self.numbers.append(number)
                scratch.add(packed, self.columns.values(row, name))
        if part.name and number not in self.numbers[-1:]:
            raise UserError(f"source {part.name} has no documents: {self._rows_and_reasons([number])}")

    def _key(self, row: Row, text_digest: bytes, part: Part) -> int:
        split, group = self.config.split, self.config.group
        if part.split is not None:
            return SPLITS.index(part.split)
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

    def part_numbers(self) -> numpy.ndarray:
        """The number (documents,) of the part that each document is from."""
        return numpy.frombuffer(self.numbers, dtype=numpy.uint16)

    def splits(self) -> numpy.ndarray:
        """Split index (documents,) of each document."""
        keys = numpy.frombuffer(self.keys, dtype=numpy.uint64)
        split = self.config.split
        given = numpy.isin(self.part_numbers(), [at for at, part in enumerate(self.parts) if part.split is not None])
        found = keys.astype(numpy.uint8)
        if split.column is None:
            found[~given] = draw(keys[~given], split.validation, split.test)
        elif not (keys == TRAIN).any():
            raise UserError(f"column {split.column!r} assigns no document to train")
        return found

    def refuse_or_warn(self) -> None:
        counts = self.counts
        if not self.keys:
            raise UserError(f"the corpus has no documents: {self._rows_and_reasons(range(len(self.parts)))}")
        self.columns.refuse_or_warn()
        if counts["converted"]:
            log.warning("%d documents are numbers, not text; kept as they print", counts["converted"])
        if counts["surrogates"]:
            log.warning("%d documents had lone halves of surrogate pairs; replaced by U+FFFD", counts["surrogates"])
        if counts["control"] and self.config.control == "keep":
            log.warning("%d documents have control characters (kept; control: drop removes them)", counts["control"])

    def _rows_and_reasons(self, numbers: Iterable[int]) -> str:
        """'the source has 3 rows (2 empty, 1 null)' for the parts of these numbers."""
        numbers = list(numbers)
        counts = sum((self.cleaners[number].counts for number in numbers), Counter())
        reasons = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()) if count)
        return f"the source has {sum(self.rows[number] for number in numbers)} rows" + (
            f" ({reasons})" if reasons else ""
        )


Sizes = dict[int, dict[int, Counter[str]]]
"""Part → split → documents, characters, bytes, words."""


def _write(out: Path, scratch: Path, split: numpy.ndarray, kept: numpy.ndarray, read: _Reading) -> Sizes:
    present = sorted(set(split[kept].tolist()))
    columns, parts = read.columns, read.parts
    writers = {index: SplitWriter(out / f"{SPLITS[index]}.parquet", columns.schema()) for index in present}
    sizes: Sizes = {number: {index: Counter() for index in present} for number in range(len(parts))}
    places = zip(split.tolist(), kept.tolist(), read.part_numbers().tolist(), strict=True)
    with Progress("writing", len(split), "documents") as bar:
        for document, (index, keep, number) in zip(read_scratch(scratch), places, strict=True):
            bar.advance()
            if keep:
                names = [parts[number].name] if parts[number].name else []
                values = [*names, *columns.in_order(document.values)]
                writers[index].add(document.text.decode(), values, sizes[number][index])
    for writer in writers.values():
        writer.close()
    return sizes


def _summed(sizes: Sizes) -> dict[str, dict[str, int]]:
    """Measure → split → count, over all parts."""
    whole: dict[int, Counter[str]] = {}
    for of_part in sizes.values():
        for index, count in of_part.items():
            whole.setdefault(index, Counter()).update(count)
    return _by_measure(whole)


def _by_measure(sizes: dict[int, Counter[str]]) -> dict[str, dict[str, int]]:
    return {name: {SPLITS[index]: count[name] for index, count in sizes.items()} for name in SIZES}


def _of_sources(read: _Reading, sizes: Sizes, kept: numpy.ndarray) -> dict[str, dict[str, Any]]:
    """Name of each source → its sizes by split, what was dropped of it, and what the recipe says of its origin."""
    found: dict[str, dict[str, Any]] = {}
    duplicates = numpy.bincount(read.part_numbers()[~kept], minlength=len(read.parts)).tolist()
    for number, part in enumerate(read.parts):
        present = {index: count for index, count in sizes[number].items() if count["documents"]}
        counts = read.cleaners[number].counts
        found[part.name] = {
            **_by_measure(present),
            "dropped": {name: counts[name] for name in DROPPED} | {"duplicates": duplicates[number]},
        }
        if not present:
            log.warning("source %s: all its documents are duplicates of other sources' and were dropped", part.name)
    return found


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
