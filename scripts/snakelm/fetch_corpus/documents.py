"""The second pass over a corpus: its documents are written by split, without what is there already."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy

from snakelm.core.console import Progress, log
from snakelm.fetch_corpus.duplicates import Found
from snakelm.fetch_corpus.reading import DROPPED, Reading
from snakelm.fetch_corpus.scratch import read_scratch
from snakelm.fetch_corpus.writing import SplitWriter
from snakelm.readers.corpus import SPLITS

SIZES = ("documents", "characters", "bytes", "words")
EXAMPLES = 10
AT_ONCE = 1 << 14
SHOWN = 160
"""Characters of an example."""

Sizes = dict[int, dict[int, Counter[str]]]
"""Part → split → documents, characters, bytes, words."""


@dataclass
class Written:
    """What was written, and what was not."""

    sizes: Sizes
    pairs: list[tuple[int, int]]
    """Examples of near-duplicates: the document that went, and the one that it is like."""
    emptied: int = 0
    """Documents of which no paragraph was left."""
    paragraphs: int = 0
    paragraph_characters: int = 0
    shown: dict[int, str] = field(default_factory=dict)
    """Beginnings of the documents in `pairs`."""
    _gone: list[tuple[bytes, str]] = field(default_factory=list)

    def count(self, gone: list[str]) -> None:
        """Paragraphs that went; those with the smallest digests are the examples, whatever the order."""
        self.paragraphs += len(gone)
        self.paragraph_characters += sum(map(len, gone))
        known = {text for _, text in self._gone}
        for text in gone:
            if text[:SHOWN] not in known:
                known.add(text[:SHOWN])
                self._gone.append((hashlib.blake2b(text.strip().encode(), digest_size=8).digest(), text[:SHOWN]))
        if gone:
            self._gone = sorted(self._gone)[:EXAMPLES]

    def examples(self) -> dict[str, Any]:
        """For the manifest."""
        found: dict[str, Any] = {}
        if self.pairs:
            pairs = [{"removed": self.shown[one], "kept": self.shown[other]} for one, other in self.pairs]
            found["near_duplicates"] = pairs
        if self.paragraphs:
            found["paragraphs"] = self.paragraphs
            found["paragraph_characters"] = self.paragraph_characters
            found["paragraph_examples"] = [text for _, text in self._gone]
        return found


def write(out: Path, scratch: Path, split: numpy.ndarray, found: Found, read: Reading) -> Written:
    """Copy what stays of the scratch file into one parquet file per split."""
    present = sorted(set(split[found.kept].tolist()))
    columns, parts, paragraphs = read.columns, read.parts, read.duplicates.paragraphs
    writers = {
        index: SplitWriter(out / f"{SPLITS[index]}.parquet", columns.schema(), read.longest) for index in present
    }
    written = Written({number: {index: Counter() for index in present} for number in range(len(parts))}, found.pairs)
    shown = {document for pair in found.pairs for document in pair}
    goes = _each(found.goes)
    places = zip(_each(split), _each(found.kept), _each(read.part_numbers()), strict=True)
    with Progress("writing", len(split), "documents") as bar:
        for at, ((packed, values), (index, keep, number)) in enumerate(zip(read_scratch(scratch), places, strict=True)):
            bar.advance()
            if at in shown:
                written.shown[at] = packed.decode()[:SHOWN]
            if not keep and paragraphs is None:
                continue
            text = packed.decode()
            del packed  # a document may be as large as memory allows
            if paragraphs is not None:
                text, gone = paragraphs.without(text, goes)
                if keep:
                    written.count(gone)
                    if gone and not text.strip():
                        written.emptied += 1
                        continue
            if keep:
                names = [parts[number].name] if parts[number].name else []
                writers[index].add(text, [*names, *columns.in_order(values)], written.sizes[number][index])
    for writer in writers.values():
        writer.close()
    return written


def _each(values: numpy.ndarray) -> Iterator[Any]:
    """The values one by one, without a list of all."""
    return (value for at in range(0, len(values), AT_ONCE) for value in values[at : at + AT_ONCE].tolist())


def summed(sizes: Sizes) -> dict[str, dict[str, int]]:
    """Measure → split → count, over all parts."""
    whole: dict[int, Counter[str]] = {}
    for of_part in sizes.values():
        for index, count in of_part.items():
            whole.setdefault(index, Counter()).update(count)
    return _by_measure(whole)


def _by_measure(sizes: dict[int, Counter[str]]) -> dict[str, dict[str, int]]:
    return {name: {SPLITS[index]: count[name] for index, count in sizes.items()} for name in SIZES}


def of_sources(read: Reading, sizes: Sizes, kept: numpy.ndarray) -> dict[str, dict[str, Any]]:
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
