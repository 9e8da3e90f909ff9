"""The rules on repetition of MassiveText (Rae et al. 2021, https://arxiv.org/abs/2112.11446, table A1)."""

from __future__ import annotations

from pydantic import Field

from snakelm.fetch_corpus.measures import (
    duplicate_ngram_share,
    duplicate_share,
    lines_of,
    paragraphs_of,
    top_ngram_share,
)
from snakelm.fetch_corpus.steps import Clean, CleaningStep, Dropped, cleaning_steps

TOP = {2: 0.20, 3: 0.18, 4: 0.16}
COPIED = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}
LONGEST = 100_000
"""Words of a text that n-grams are counted in; the rest of a longer one is taken to be like them."""


@cleaning_steps.register("gopher_repetition")
class GopherRepetition(CleaningStep):
    """Removes documents that repeat themselves by Gopher's rules: lines, paragraphs, n-grams of words."""

    max_lines: float = Field(0.3, description="Largest share of lines, and of paragraphs, that are copies.", ge=0, le=1)
    max_chars: float = Field(0.2, description="Largest share of characters in such lines, and paragraphs.", ge=0, le=1)
    top_ngrams: dict[int, float] = Field(
        TOP,
        description="Largest share of characters in the most frequent n-gram of words, by n.",
        examples=[{"2": 0.3}],
    )
    copied_ngrams: dict[int, float] = Field(
        COPIED,
        description="Largest share of characters in n-grams that stood there before, by n.",
        examples=[{"5": 0.3}],
    )

    def cleaner(self) -> Clean:
        return lambda text, row: Dropped(reason) if (reason := self._refused(text)) else text

    def _refused(self, text: str) -> str | None:
        for what, parts in (("lines", lines_of(text)), ("paragraphs", paragraphs_of(text))):
            copies, characters = duplicate_share(parts)
            if copies > self.max_lines or characters > self.max_chars:
                return f"too many {what} are copies"
        words = text.split(None, LONGEST)[:LONGEST]
        for n, most in self.top_ngrams.items():
            if top_ngram_share(words, n) > most:
                return f"one {n}-gram too often"
        for n, most in self.copied_ngrams.items():
            if duplicate_ngram_share(words, n) > most:
                return f"too many {n}-grams are copies"
        return None
