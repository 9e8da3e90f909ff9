"""Steps that clean a corpus: what each has to say, and the registry of them.

A step is a config class in a file of its own, a built-in one under `cleaning/`, any other in a module of the user's
that the recipe names under `plugins`:

    @cleaning_steps.register("upper_case")
    class UpperCase(CleaningStep):
        \"\"\"Removes documents that shout.\"\"\"                    # the documentation shows this line

        most: float = Field(0.5, description="Largest share of capitals.")

        def cleaner(self):
            return lambda text, row: Dropped("shouts") if share(text) > self.most else text

Modules of steps import heavy libraries inside `cleaner` alone, since planning reads them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from snakelm.core.config import Config
from snakelm.core.registry import Registry


@dataclass(frozen=True)
class Dropped:
    """That a document is removed, and why: one of a few reasons, which are counted ("fewer than 50 words")."""

    reason: str


Clean = Callable[[str, Mapping[str, Any]], "str | Dropped"]
"""(text, its row) → the text as it shall be, or that the document goes. A pure function: no step remembers anything."""


class CleaningStep(Config):
    """A step that cleans texts, or removes those that do not fit."""

    shows_what_was_there: ClassVar[bool] = True
    """Whether examples may show a text as it was before: not where the step hides something."""

    step: str = Field(description="Which step it is.")

    def cleaner(self) -> Clean:
        """The step at work; called once for each source, before its first document."""
        raise NotImplementedError


cleaning_steps: Registry[CleaningStep] = Registry(
    "cleaning step", key="step", base=CleaningStep, package="snakelm.fetch_corpus.cleaning"
)


def read_step(value: object) -> CleaningStep:
    """A step from what a recipe says: a map, or its name alone."""
    return cleaning_steps.validate({"step": value} if isinstance(value, str) else value)
