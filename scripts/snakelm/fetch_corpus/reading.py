"""The first pass over a corpus: every source is read and cleaned, and what the rest needs of it stays in memory."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy

from snakelm.core.console import Progress, log
from snakelm.core.errors import UserError
from snakelm.fetch_corpus.clean import Cleaner, digest, scalar
from snakelm.fetch_corpus.columns import Columns
from snakelm.fetch_corpus.config import CorpusConfig, Part
from snakelm.fetch_corpus.duplicates import Duplicates
from snakelm.fetch_corpus.pipeline import StepCount
from snakelm.fetch_corpus.scratch import Scratch
from snakelm.fetch_corpus.splits import TRAIN, draw, draw_by_hash, group_key, named_split
from snakelm.fetch_corpus.template import text_of
from snakelm.readers.corpus import SPLITS
from snakelm.readers.row import Row
from snakelm.readers.rows import column

DROPPED = ("null", "empty", "short")
"""Why a document is dropped while it is read, whatever the recipe says."""


class Reading:
    """The first pass and what it leaves in memory."""

    def __init__(self, config: CorpusConfig, work: Path):
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
        self.longest = 0
        """Characters of the longest document."""
        self.duplicates = Duplicates(config.deduplicate, work)

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
                self.longest = max(self.longest, len(text))
                packed = text.encode()
                text_digest = digest(packed)
                self.digests += text_digest
                self.keys.append(self._key(row, text_digest, part))
                self.numbers.append(number)
                self.duplicates.add(text)
                scratch.add(packed, self.columns.values(row, name))

    def refuse_empty(self, number: int) -> None:
        """UserError if the part that was read last has a name but no documents."""
        name = self.parts[number].name
        if name and number not in self.numbers[-1:]:
            raise UserError(f"source {name} has no documents: {self._rows_and_reasons([number])}")

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
        return numpy.frombuffer(self.digests, dtype="V16").view([("high", "u8"), ("low", "u8")])

    def part_numbers(self) -> numpy.ndarray:
        """The number (documents,) of the part that each document is from."""
        return numpy.frombuffer(self.numbers, dtype=numpy.uint16)

    def priorities(self) -> numpy.ndarray:
        """The priority (documents,) of each document's source: of copies that of the lowest stays."""
        prefer = self.config.deduplicate.prefer
        places = {name: at for at, name in enumerate(prefer)}
        of_part = [
            number if part.split is not None else len(self.parts) + places.get(part.name, len(prefer) + number)
            for number, part in enumerate(self.parts)
        ]
        priorities: numpy.ndarray = numpy.array(of_part)[self.part_numbers()]
        return priorities

    def splits(self) -> numpy.ndarray:
        """Split index (documents,) of each document."""
        keys = numpy.frombuffer(self.keys, dtype=numpy.uint64)
        split = self.config.split
        given = numpy.isin(self.part_numbers(), [at for at, part in enumerate(self.parts) if part.split is not None])
        found = keys.astype(numpy.uint8)
        if split.column is None:
            drawn = draw if split.by == "share" else draw_by_hash
            found[~given] = drawn(keys[~given], split.validation, split.test)
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
