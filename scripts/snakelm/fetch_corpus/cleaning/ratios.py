"""Documents with too many characters of one kind."""

from __future__ import annotations

from pydantic import Field

from snakelm.fetch_corpus.steps import Clean, CleaningStep, Dropped, cleaning_steps


@cleaning_steps.register("ratios")
class Ratios(CleaningStep):
    """Removes documents with too few letters, or too many digits, capitals or symbols (whitespace not counted)."""

    min_letters: float = Field(
        0.0, description="Smallest share of letters, of those that are no whitespace.", ge=0, le=1
    )
    max_digits: float = Field(1.0, description="Largest share of digits, of those that are no whitespace.", ge=0, le=1)
    max_symbols: float = Field(
        1.0,
        description="Largest share of what is neither letter, mark nor digit, of those that are no whitespace.",
        ge=0,
        le=1,
    )
    max_capitals: float = Field(1.0, description="Largest share of capitals, of the letters.", ge=0, le=1)

    def cleaner(self) -> Clean:
        return lambda text, row: Dropped(reason) if (reason := self._outside(text)) else text

    def _outside(self, text: str) -> str | None:
        import unicodedata
        from collections import Counter

        kinds: Counter[str] = Counter()
        capitals = whole = 0
        for letter, count in Counter(text).items():  # a text has few different characters
            if letter.isspace():
                continue
            kind = unicodedata.category(letter)
            kinds["letters" if kind[0] in "LM" else "digits" if kind[0] == "N" else "symbols"] += count
            capitals += count if kind in ("Lu", "Lt") else 0
            whole += count
        if not whole:
            return None
        if kinds["letters"] / whole < self.min_letters:
            return "too few letters"
        if kinds["digits"] / whole > self.max_digits:
            return "too many digits"
        if kinds["symbols"] / whole > self.max_symbols:
            return "too many symbols"
        return "too many capitals" if capitals > self.max_capitals * max(kinds["letters"], 1) else None
