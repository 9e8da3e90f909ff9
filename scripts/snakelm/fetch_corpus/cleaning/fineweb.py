"""The rules that FineWeb adds (Penedo et al. 2024, https://arxiv.org/abs/2406.17557, section 3.6)."""

from __future__ import annotations

from pydantic import Field

from snakelm.fetch_corpus.measures import TERMINAL, duplicate_share, lines_of
from snakelm.fetch_corpus.steps import Clean, CleaningStep, Dropped, cleaning_steps

SHORT = 30


@cleaning_steps.register("fineweb")
class FineWeb(CleaningStep):
    """Removes documents that are lists rather than text, by the rules of FineWeb."""

    min_terminal: float = Field(
        0.12, description="Share of lines that end like a sentence, which has to be exceeded.", ge=0, le=1
    )
    max_copied: float = Field(0.1, description="Share of characters in copied lines, from which it goes.", ge=0, le=1)
    max_short: float = Field(0.67, description="Share of lines under 30 characters, from which it goes.", ge=0, le=1)

    def cleaner(self) -> Clean:
        return lambda text, row: Dropped(reason) if (reason := self._refused(text)) else text

    def _refused(self, text: str) -> str | None:
        lines = lines_of(text)
        if not lines:
            return "no lines"
        if sum(line.endswith(TERMINAL) for line in lines) <= self.min_terminal * len(lines):
            return "too few lines end like a sentence"
        if (copied := duplicate_share(lines)[1]) and copied >= self.max_copied:
            return "too many lines are copies"
        return (
            "too many short lines" if sum(len(line) < SHORT for line in lines) >= self.max_short * len(lines) else None
        )
