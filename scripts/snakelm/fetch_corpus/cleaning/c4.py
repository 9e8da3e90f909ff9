"""The rules of C4 (Raffel et al. 2020, https://arxiv.org/abs/1910.10683, section 2.2), without its word list."""

from __future__ import annotations

import re

from pydantic import Field

from snakelm.fetch_corpus.measures import TERMINAL
from snakelm.fetch_corpus.steps import Clean, CleaningStep, Dropped, cleaning_steps

POLICY = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
CITATION = re.compile(r"\[\d+\]|\[edit\]|\[citation needed\]")
SENTENCE = re.compile(r"[.!?…。！？؟।]+[\"”'’»)]*(\s|$)")


@cleaning_steps.register("c4")
class C4(CleaningStep):
    """Keeps lines that are sentences and documents that have some, by the rules of C4."""

    terminal: bool = Field(True, description="Only lines that end like a sentence are kept.")
    min_line_words: int = Field(5, description="Fewest words of a line that is kept.", ge=0)
    min_sentences: int = Field(3, description="Fewest sentences of a document, by their ends.", ge=0)
    braces: bool = Field(True, description="Documents with a brace { are removed, as code is.")

    def cleaner(self) -> Clean:
        return lambda text, row: self._cleaned(text)

    def _cleaned(self, text: str) -> str | Dropped:
        small = text.lower()
        if "lorem ipsum" in small:
            return Dropped("lorem ipsum")
        if self.braces and "{" in text:
            return Dropped("a brace")
        lines = text.split("\n")
        kept = [cleaned for line in lines if (cleaned := self._line(line)) is not None]
        whole = "\n".join(kept)
        if not kept:
            return Dropped("no line is a sentence")
        if sum(1 for _ in SENTENCE.finditer(whole)) < self.min_sentences:
            return Dropped("too few sentences")
        return whole

    def _line(self, line: str) -> str | None:
        """The line without marks of citations; None if it goes."""
        plain, small = CITATION.sub("", line), line.lower()
        if self.terminal and not plain.rstrip().endswith(TERMINAL):
            return None
        if plain.rstrip().endswith(("...", "…")) and self.terminal:
            return None
        if len(plain.split()) < self.min_line_words or "javascript" in small:
            return None
        return None if any(words in small for words in POLICY) else plain
