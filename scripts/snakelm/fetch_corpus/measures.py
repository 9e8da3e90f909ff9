"""What the rules of quality measure of a text: shares of lines, words and characters that repeat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

TERMINAL = (".", "!", "?", '"', "”", "'", "’", "»", "。", "！", "？", "…", "؟", "।", "։")
"""What a sentence may end with, quotation marks included."""


def lines_of(text: str) -> list[str]:
    """The lines that are not empty, without whitespace at their ends."""
    return [line for line in (line.strip() for line in text.split("\n")) if line]


def paragraphs_of(text: str) -> list[str]:
    """The paragraphs, as empty lines separate them."""
    return [part for part in (part.strip() for part in text.split("\n\n")) if part]


def duplicate_share(parts: Sequence[str]) -> tuple[float, float]:
    """(share of the parts, share of their characters) that are copies of an earlier one."""
    counts = Counter(parts)
    copies = sum(count - 1 for count in counts.values())
    characters = sum((count - 1) * len(part) for part, count in counts.items())
    return copies / max(len(parts), 1), characters / max(sum(map(len, parts)), 1)


def top_ngram_share(words: Sequence[str], n: int) -> float:
    """Share of the words' characters that the most frequent n-gram of words takes up."""
    counts = Counter(zip(*(words[at:] for at in range(n)), strict=False))
    if not counts:
        return 0.0
    count = max(counts.values())
    longest = max(sum(map(len, gram)) for gram, times in counts.items() if times == count)
    return count * longest / max(sum(map(len, words)), 1) if count > 1 else 0.0


def duplicate_ngram_share(words: Sequence[str], n: int) -> float:
    """Share of the words' characters within n-grams of words that stood in the text before, each word counted once."""
    seen: set[tuple[str, ...]] = set()
    covered_until = copied = 0
    for at in range(len(words) - n + 1):
        gram = tuple(words[at : at + n])
        if gram in seen:
            first = max(at, covered_until)
            copied += sum(map(len, words[first : at + n]))
            covered_until = at + n
        else:
            seen.add(gram)
    return copied / max(sum(map(len, words)), 1)
