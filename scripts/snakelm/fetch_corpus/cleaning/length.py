"""Documents that are too short or too long."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import Field, model_validator

from snakelm.core.quantities import Count
from snakelm.fetch_corpus.measures import lines_of
from snakelm.fetch_corpus.steps import Clean, CleaningStep, Dropped, cleaning_steps

MEASURES: dict[str, Callable[[str], int]] = {
    "chars": len,
    "words": lambda text: len(text.split()),
    "lines": lambda text: len(lines_of(text)),
}


@cleaning_steps.register("length")
class Length(CleaningStep):
    """Removes documents that are too short or too long."""

    min_chars: Count | None = Field(None, description="Fewest characters.", ge=1)
    max_chars: Count | None = Field(None, description="Most characters.", ge=1)
    min_words: Count | None = Field(None, description="Fewest words, as whitespace separates them.", ge=1)
    max_words: Count | None = Field(None, description="Most words.", ge=1)
    min_lines: Count | None = Field(None, description="Fewest lines that are not empty.", ge=1)
    max_lines: Count | None = Field(None, description="Most lines.", ge=1)

    @model_validator(mode="after")
    def _bounds(self) -> Length:
        if not self.changed() - {"step"}:
            raise ValueError("step length needs a bound: min_chars, max_words, …")
        return self

    def cleaner(self) -> Clean:
        return lambda text, row: Dropped(reason) if (reason := self._outside(text)) else text

    def _outside(self, text: str) -> str | None:
        for unit, measure in MEASURES.items():
            least, most = getattr(self, f"min_{unit}"), getattr(self, f"max_{unit}")
            if least is None and most is None:
                continue
            size = measure(text)
            if least is not None and size < least:
                return f"fewer than {least} {unit}"
            if most is not None and size > most:
                return f"more than {most} {unit}"
        return None
