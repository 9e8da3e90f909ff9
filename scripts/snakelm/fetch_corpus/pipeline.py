"""Cleaning steps at work on one document after another, with a count of what they did and ten examples for each.

Which examples are kept depends on the texts alone (those with the smallest digests), not on their order.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from snakelm.fetch_corpus.steps import Clean, CleaningStep, Dropped

EXAMPLES = 10
SHOWN = 160
"""Characters of an example."""


class StepCount:
    """What a step did: documents that it saw, changed and removed (by reason), and characters that it took away."""

    def __init__(self, step: CleaningStep, source: str = ""):
        self.step, self.source = step, source
        """The source that alone has the step; empty for a step of the whole corpus."""
        self.seen = self.changed = self.characters = 0
        self.dropped: Counter[str] = Counter()
        self._examples: list[tuple[int, dict[str, str]]] = []
        """A heap of the examples by their keys, no two of one key."""

    def count(self, before: str, after: str | Dropped) -> None:
        self.seen += 1
        if isinstance(after, Dropped):
            self.dropped[after.reason] += 1
            self.characters += len(before)
            reason = after.reason
            self._keep(before, lambda: {"reason": reason, "text": before[:SHOWN]})
        elif after != before:
            self.changed += 1
            self.characters += len(before) - len(after)
            cleaned = after
            self._keep(before, lambda: self._change(before, cleaned))

    def _change(self, before: str, after: str) -> dict[str, str]:
        """The place of the first difference."""
        begin = max(0, _common(before, after) - SHOWN // 4)
        found = {"after": after[begin : begin + SHOWN]}
        return {"before": before[begin : begin + SHOWN], **found} if self.step.shows_what_was_there else found

    def _keep(self, text: str, example: Callable[[], dict[str, str]]) -> None:
        # The first of those with the largest keys is the one that gives way.
        key = -int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
        if any(key == kept for kept, _ in self._examples):
            return  # the same text
        if len(self._examples) < EXAMPLES:
            heapq.heappush(self._examples, (key, example()))
        elif key > self._examples[0][0]:
            heapq.heapreplace(self._examples, (key, example()))

    def report(self) -> dict[str, Any]:
        """For the manifest."""
        found: dict[str, Any] = {"step": self.step.step, "seen": self.seen, "changed": self.changed}
        found |= {"dropped": dict(sorted(self.dropped.items())), "characters_removed": self.characters}
        found["examples"] = [example for _, example in sorted(self._examples, key=lambda kept: -kept[0])]
        return {"source": self.source, **found} if self.source else found


def _common(one: str, other: str) -> int:
    """Length of the beginning that two texts have in common, by bisection: texts may be long."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


class Pipeline:
    """The steps of one source: its own, then those of the corpus."""

    def __init__(self, counts: Sequence[StepCount]):
        self.steps: list[tuple[StepCount, Clean]] = [(count, count.step.cleaner()) for count in counts]

    def __call__(self, text: str, row: Mapping[str, Any]) -> str | None:
        """The cleaned text; None if a step removed the document."""
        for count, clean in self.steps:
            after = clean(text, row)
            count.count(text, after)
            if isinstance(after, Dropped):
                return None
            text = after
        return text
