"""Whitespace that means nothing."""

from __future__ import annotations

import re

from pydantic import Field

from snakelm.fetch_corpus.steps import Clean, CleaningStep, cleaning_steps

SPACES = re.compile(r"[^\S\n]+")
BREAKS = re.compile(r"\n{3,}")


@cleaning_steps.register("whitespace")
class Whitespace(CleaningStep):
    """Makes one space of several, removes those at ends of lines, and leaves one empty line of several."""

    join_lines: bool = Field(False, description="Line breaks within a paragraph become spaces, as in wrapped text.")

    def cleaner(self) -> Clean:
        return lambda text, row: self._cleaned(text)

    def _cleaned(self, text: str) -> str:
        text = SPACES.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))
        text = BREAKS.sub("\n\n", text.replace(" \n", "\n").replace("\n ", "\n"))
        return re.sub(r"(?<!\n)\n(?!\n)", " ", text) if self.join_lines else text
