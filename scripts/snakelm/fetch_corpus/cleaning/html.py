"""The text of HTML pages."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from snakelm.fetch_corpus.steps import Clean, CleaningStep, cleaning_steps

NAMES_OF_UNSEEN = "script style head template noscript iframe object svg math canvas select textarea"
NAMES_OF_BLOCKS = """
    address article aside blockquote body br caption center dd details div dl dt fieldset figcaption figure footer form
    h1 h2 h3 h4 h5 h6 header hr html legend li main nav ol option p pre section summary table tbody td tfoot th thead
    tr ul
"""
NAMES_OF_PARAGRAPHS = "article blockquote h1 h2 h3 h4 h5 h6 ol p pre section table ul"
UNSEEN = frozenset(NAMES_OF_UNSEEN.split())
BLOCKS, PARAGRAPHS = frozenset(NAMES_OF_BLOCKS.split()), frozenset(NAMES_OF_PARAGRAPHS.split())
MARKUP = re.compile(r"<[A-Za-z!/]|&[#A-Za-z]")


@cleaning_steps.register("html")
class HtmlToText(CleaningStep):
    """Makes text of HTML: tags, scripts and styles go, entities become characters, blocks become lines."""

    def cleaner(self) -> Clean:
        return lambda text, row: html_to_text(text) if MARKUP.search(text) else text


def html_to_text(html: str) -> str:
    """The visible text, a line for each block and an empty line around paragraphs, headings, lists and tables."""
    parser = _Text()
    parser.feed(html)
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.parts).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unseen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in UNSEEN:
            self._unseen.append(tag)
        elif tag == "body":
            self._unseen.clear()  # a head that was never closed
        self._separate(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self._separate(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._unseen:
            del self._unseen[self._unseen.index(tag) :]
        self._separate(tag)

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(re.sub(r"\s+", " ", data))

    def _separate(self, tag: str) -> None:
        if tag in BLOCKS:
            self.parts.append("\n\n" if tag in PARAGRAPHS else "\n")
