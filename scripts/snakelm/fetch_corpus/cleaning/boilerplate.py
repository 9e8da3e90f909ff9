"""Lines that belong to a web page, not to its text."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from snakelm.fetch_corpus.steps import Clean, CleaningStep, Dropped, cleaning_steps

PATTERNS = [
    r"(accept|use[sd]? of|uses?|manage) (all )?cookies",
    r"cookie (policy|settings|notice|preferences)",
    r"privacy policy",
    r"terms (of (use|service)|and conditions)",
    r"all rights reserved",
    r"(enable|activate|requires?) javascript",
    r"^\s*(share|tweet|pin it|print|e-?mail this|read more|load more)\W*$",
    r"^\s*(sign (in|up)|log ?in|subscribe|skip to content)\W*$",
    r"^\s*(©|\(c\) ?\d{4}|copyright\b)",
]


@cleaning_steps.register("boilerplate_lines")
class BoilerplateLines(CleaningStep):
    """Removes lines in which a pattern is found: notices about cookies, privacy, copyright, and the like."""

    patterns: list[str] = Field(
        PATTERNS,
        description="Regular expressions, found anywhere in a line, in small letters or capitals.",
        min_length=1,
    )
    max_chars: int = Field(300, description="Longer lines are kept: they are text that speaks of such things.", ge=1)

    @field_validator("patterns")
    @classmethod
    def _valid(cls, patterns: list[str]) -> list[str]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"patterns: {pattern!r} is no regular expression ({error})") from None
        return patterns

    def cleaner(self) -> Clean:
        found = re.compile("|".join(f"(?:{pattern})" for pattern in self.patterns), re.IGNORECASE)

        def clean(text: str, row: object) -> str | Dropped:
            lines = text.split("\n")
            kept = [line for line in lines if len(line) > self.max_chars or not found.search(line)]
            if len(kept) == len(lines):
                return text
            return "\n".join(kept) if any(line.strip() for line in kept) else Dropped("nothing but boilerplate")

        return clean
