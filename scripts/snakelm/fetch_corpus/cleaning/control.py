"""Characters that nobody sees."""

from __future__ import annotations

import re

from pydantic import Field

from snakelm.fetch_corpus.steps import Clean, CleaningStep, cleaning_steps

CONTROL = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
INVISIBLE = "\xad\u200b\u2028\u2029\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufff9-\ufffb"


@cleaning_steps.register("control_characters")
class ControlCharacters(CleaningStep):
    """Removes control characters other than tab and line ends."""

    invisible: bool = Field(
        False, description="Soft hyphens, zero-width spaces, marks of direction and of byte order too (not joiners)."
    )

    def cleaner(self) -> Clean:
        pattern = re.compile(f"[{CONTROL}{INVISIBLE if self.invisible else ''}]")
        return lambda text, row: pattern.sub("", text)
