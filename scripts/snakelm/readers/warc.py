"""WARC and WET files, as web archives and Common Crawl publish them: one row per page."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from snakelm.core.errors import UserError
from snakelm.readers.config import SourceConfig
from snakelm.readers.opening import SourceFile, open_bytes
from snakelm.readers.row import Row

CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]+)""", re.IGNORECASE)
HEAD = 2048
"""Bytes of a page in which it may declare its encoding."""


def read_warc(file: SourceFile, config: SourceConfig) -> Iterator[Row]:
    """Rows {text, "url", "date"} of the plain texts (WET: `conversion`) and of the pages (`response`, `resource`) in a
    file; pages are HTML as it was sent (`clean: [html]` makes text of it), other media types are passed over.

    A page is decoded as its header says, else as it declares itself, else as UTF-8; what does not fit becomes U+FFFD.
    """
    from warcio.archiveiterator import ArchiveIterator
    from warcio.exceptions import ArchiveLoadFailed

    number = 0
    try:
        with open_bytes(file) as stream:
            for record in ArchiveIterator(stream):
                if record.rec_type not in ("conversion", "response", "resource"):
                    continue
                headers = record.http_headers or record.rec_headers
                media = headers.get_header("Content-Type") or ""
                if not media.lower().startswith(("text/", "application/xhtml")):
                    continue
                number += 1
                values = {
                    config.text: _decoded(record.content_stream().read(), media),
                    "url": record.rec_headers.get_header("WARC-Target-URI"),
                    "date": record.rec_headers.get_header("WARC-Date"),
                }
                yield Row(values, file.label, number, "record")
    except ArchiveLoadFailed as error:
        message = " ".join(str(error).split())[:200]
        raise UserError(f"{file.label}: not a WARC file that can be read ({message})") from None


def _decoded(content: bytes, media: str) -> str:
    named = CHARSET.search(media.encode("utf-8", "replace")) or CHARSET.search(content[:HEAD])
    encoding = named[1].decode("ascii") if named else "utf-8"
    try:
        codecs.lookup(encoding)
    except LookupError:
        encoding = "utf-8"
    return content.decode(encoding, "replace")
