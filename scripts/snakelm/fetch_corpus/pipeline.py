"""Cleaning steps at work on one document after another, with a count of what they did and ten examples for each.

Which examples are kept depends on the texts alone (those with the smallest digests), not on their order.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
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

    def count(self, before: str, after: str | Dropped) -> None:
        self.seen += 1
        if isinstance(after, Dropped):
            self.dropped[after.reason] += 1
            self.characters += len(before)
            self._keep(before, {"reason": after.reason, "text": before[:SHOWN]})
        elif after != before:
            self.changed += 1
            self.characters += len(before) - len(after)
            self._keep(before, self._change(before, after))

    def _change(self, before: str, after: str) -> dict[str, str]:
        """The place of the first difference."""
        same = next((at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), None)
        begin = max(0, (min(len(before), len(after)) if same is None else same) - SHOWN // 4)
        found = {"after": after[begin : begin + SHOWN]}
        return {"before": before[begin : begin + SHOWN], **found} if self.step.shows_what_was_there else found

    def _keep(self, text: str, example: dict[str, str]) -> None:
        # The first of those with the largest keys is the one that gives way.
        key = -int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
        if len(self._examples) < EXAMPLES:
            heapq.heappush(self._examples, (key, example))  # equal keys are equal texts
        elif key > self._examples[0][0]:
            heapq.heapreplace(self._examples, (key, example))

    def report(self) -> dict[str, Any]:
        """For the manifest."""
        found: dict[str, Any] = {"step": self.step.step, "seen": self.seen, "changed": self.changed}
        found |= {"dropped": dict(sorted(self.dropped.items())), "characters_removed": self.characters}
        found["examples"] = [example for _, example in sorted(self._examples, key=lambda pair: -pair[0])]
        return {"source": self.source, **found} if self.source else found


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
