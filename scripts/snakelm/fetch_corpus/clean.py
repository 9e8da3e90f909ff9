"""What happens to a text before it becomes a document: what the recipe asks for, and what parquet cannot hold."""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

from snakelm.core.errors import UserError
from snakelm.fetch_corpus.config import CorpusConfig
from snakelm.fetch_corpus.pipeline import Pipeline, StepCount
from snakelm.readers.classes import ClassNumber
from snakelm.readers.row import Row

CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
SURROGATE = re.compile("[\ud800-\udfff]")
INT64 = 1 << 63
LONGEST = 500_000_000  # characters; a parquet column's row group of strings ends at 2 GiB


class Cleaner:
    """Turns raw values into texts and counts what it met.

    `counts` (each a number of documents): null, empty, short, cleaned (dropped, the last by a step of `clean`);
    converted (a number taken as text),
    surrogates (halves of surrogate pairs, which UTF-8 cannot hold, replaced by U+FFFD), control.
    """

    def __init__(self, config: CorpusConfig, steps: Sequence[StepCount] = ()):
        self.config = config
        self.pipeline = Pipeline(steps)
        self.counts: Counter[str] = Counter()

    def __call__(self, value: Any, row: Row, column: str | None = None) -> str | None:
        """The document, or None if it is dropped; UserError if the value is not text at all (a list, bytes, …).

        column: the one that the value is from, if it is from one.
        """
        where = row.where
        text = self._as_text(value, where, column)
        if text is None:
            self.counts["null"] += 1
            return None
        if not text.isascii() and SURROGATE.search(text):
            self.counts["surrogates"] += 1
            # a pair of halves is one character, written the way of UTF-16
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        if CONTROL.search(text):
            self.counts["control"] += 1
            if self.config.control == "drop":
                text = CONTROL.sub("", text)
        if self.config.line_ends == "lf":
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if self.config.unicode != "keep":
            text = unicodedata.normalize(self.config.unicode, text)
        if self.pipeline.steps:
            cleaned = self.pipeline(text, row)
            if cleaned is None:
                self.counts["cleaned"] += 1
                return None
            text = SURROGATE.sub("\ufffd", cleaned)  # a step may be anybody's
        if self.config.strip:
            text = text.strip()
        if not text or text.isspace():
            self.counts["empty"] += 1
            return None
        if len(text) > LONGEST:
            raise UserError(
                f"{where}: a document of {len(text):,} characters; the maximum is {LONGEST:,} (unit: paragraph?)"
            )
        if len(text) < self.config.min_chars:
            self.counts["short"] += 1
            return None
        return text

    def _as_text(self, value: Any, where: str, column: str | None) -> str | None:
        if isinstance(value, str):
            return str(value)
        plain = scalar(value)
        if plain is NotImplemented:
            raise UserError(f"{where}: column {column!r} does not hold text, but {type(value).__name__}")
        if plain is None:
            return None
        self.counts["converted"] += 1
        return str(plain)


def scalar(value: Any) -> Any:
    """A bool, int (64 bit), float or str as it can stand in a column; None for null and NaN; dates become strings,
    numbers of named classes their names.

    NotImplemented for what is not a scalar: lists, dicts, bytes, arrays.
    """
    if isinstance(value, str):
        return SURROGATE.sub("\ufffd", value) if not value.isascii() else str(value)
    if value is None or isinstance(value, bool):
        return value
    if hasattr(value, "dtype") and getattr(value, "ndim", 1) == 0:  # a numpy scalar
        return scalar(value.item())
    if isinstance(value, ClassNumber):
        return value.name
    if isinstance(value, int):
        return int(value) if -INT64 <= value < INT64 else str(value)
    if isinstance(value, float):
        return None if math.isnan(value) else float(value)
    if type(value).__name__ in ("NAType", "NaTType"):  # pandas.NA, pandas.NaT
        return None
    if hasattr(value, "isoformat"):  # date, time, datetime, pandas.Timestamp
        return value.isoformat()
    if type(value).__name__ in ("Decimal", "UUID", "timedelta", "Timedelta"):
        return str(value)
    return NotImplemented


def digest(text: bytes) -> bytes:
    """16 bytes that stand for the text (in UTF-8) when looking for equal ones."""
    return hashlib.blake2b(text, digest_size=16).digest()
