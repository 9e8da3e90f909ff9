"""Lines and paragraphs that stand in a document more than once."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from snakelm.fetch_corpus.steps import Clean, CleaningStep, cleaning_steps


@cleaning_steps.register("repeated")
class Repeated(CleaningStep):
    """Keeps the first of the equal lines, or paragraphs, of a document."""

    unit: Literal["line", "paragraph"] = Field("line", description="What is compared; empty lines part paragraphs.")
    min_chars: int = Field(1, description="Shorter ones may repeat.", ge=1)

    def cleaner(self) -> Clean:
        separator = "\n" if self.unit == "line" else "\n\n"

        def clean(text: str, row: object) -> str:
            seen: set[str] = set()
            kept = []
            for part in text.split(separator):
                plain = part.strip()
                if len(plain) >= self.min_chars and plain in seen:
                    continue
                seen.add(plain)
                kept.append(part)
            return separator.join(kept)

        return clean
