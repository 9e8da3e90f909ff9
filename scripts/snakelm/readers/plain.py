"""Plain text: by file, paragraph or line; and two files in parallel."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from snakelm.core.errors import UserError
from snakelm.readers.config import SourceConfig
from snakelm.readers.opening import SourceFile, open_text
from snakelm.readers.row import Row


def paragraphs(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """(number of the first line, paragraph) for lines with their ends; blank lines separate paragraphs.

    Line ends inside a paragraph stay as they are, the last one is dropped.
    """
    first = 0
    block: list[str] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            if not block:
                first = number
            block.append(line)
        elif block:
            yield first, "".join(block).rstrip("\r\n")
            block = []
    if block:
        yield first, "".join(block).rstrip("\r\n")


def read_txt(file: SourceFile, config: SourceConfig) -> Iterator[Row]:
    """Rows with the one column `config.text`. unit: file keeps every character, line ends too."""
    with open_text(file, config.encoding) as stream:
        if config.unit == "file":
            units: Iterable[tuple[int, str]] = [(1, stream.read())]
        elif config.unit == "paragraph":
            units = paragraphs(stream)
        else:
            units = ((number, line.rstrip("\r\n")) for number, line in enumerate(stream, 1))
        for number, text in units:
            yield Row({config.text: text}, file.label, number)


def read_parallel(one: SourceFile, other: SourceFile, config: SourceConfig) -> Iterator[Row]:
    """Rows {"source", "target"} from the lines of two files; lines end at \\n, so that no other mark shifts them."""
    with open_text(one, config.encoding, "\n") as sources, open_text(other, config.encoding, "\n") as targets:
        for number, (source, target) in enumerate(itertools.zip_longest(sources, targets), 1):
            if source is None or target is None:
                short, long = (one, other) if source is None else (other, one)
                raise UserError(f"{short.label}: ends after line {number - 1}, but {long.label} goes on")
            yield Row({"source": source.rstrip("\r\n"), "target": target.rstrip("\r\n")}, one.label, number)
