"""What the page opens with: a sentence per task, what has no result, and how large all of it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from snakelm.report.config import AbsentCell
from snakelm.report.numbers import plain
from snakelm.report.sections.unlabelled import unlabelled
from snakelm.report.story import Story

MAX_ANSWERS = 12
"""Sentences, at most, that the page opens with; of more only their numbers are told."""


@dataclass(frozen=True)
class Answer:
    sentences: Sequence[str]
    """Empty where there are too many to read."""
    summary: dict[str, Any]
    """How many comparisons say what."""
    absent: Sequence[AbsentCell]
    unlabelled: Sequence[str]
    chips: Sequence[tuple[str, str]]
    """(what, how much), the same on every machine."""


def answer(story: Story, sentences: Sequence[str], summary: dict[str, Any]) -> Answer:
    few = list(sentences) if len(sentences) <= MAX_ANSWERS else []
    return Answer(few, summary, story.config.absent, unlabelled(story.runs), _chips(story))


def _chips(story: Story) -> list[tuple[str, str]]:
    found = [("experiments", plain(len({(one.model, one.task) for one in story.main})))] if story.main else []
    for key in ("parameters", "tokens"):
        values = [run.manifest.headline.get(key) for run in story.models]
        numbers = sorted({value for value in values if isinstance(value, int)})
        if numbers:
            ends = dict.fromkeys((numbers[0], numbers[-1]))
            found.append((key if key == "parameters" else "tokens seen", " to ".join(map(plain, ends))))
    return found
