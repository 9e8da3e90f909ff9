"""Sentences as CoNLL files have them, line by line, so that other tags can be written into them as they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Sentence:
    """The lines of a sentence without their ends: those of words, and comments and the like between them."""

    lines: tuple[str, ...]
    words: tuple[int, ...]
    """Which of the lines stand for a word that has a tag, in order."""

    def with_tags(self, tags: Sequence[str]) -> list[str]:
        """The lines with these tags, one per word; all other lines stay as they are."""
        lines = list(self.lines)
        for number, tag in zip(self.words, tags, strict=True):
            lines[number] = self.tagged(lines[number], tag)
        return lines

    def tagged(self, line: str, tag: str) -> str:
        """The line of a word with a tag."""
        raise NotImplementedError


@dataclass(frozen=True)
class ConllSentence(Sentence):
    """A sentence in columns: the tag becomes a further one, after that of the right tag where this is the last."""

    delimiter: str | None = None

    def tagged(self, line: str, tag: str) -> str:
        delimiter = self.delimiter or ("\t" if "\t" in line else " ")
        return f"{line.rstrip(' ')}{delimiter}{tag}"


@dataclass(frozen=True)
class ConlluSentence(Sentence):
    """A sentence in CoNLL-U, with comments, multiword tokens and empty nodes: the tag takes the place of its own."""

    column: int = 3
    feature: str | None = None
    """The one feature that the tags are values of, where the column is FEATS; '_' is a word without it."""

    def tagged(self, line: str, tag: str) -> str:
        values = line.split("\t")
        if self.feature is None:
            values[self.column] = tag
        else:
            there = values[self.column]
            features = {} if there == "_" else dict(pair.split("=", 1) for pair in there.split("|"))
            values[self.column] = _written({**features, self.feature: tag})
        return "\t".join(values)


def _written(features: Mapping[str, str]) -> str:
    """Features as Universal Dependencies orders them."""
    names = sorted((name for name, value in features.items() if value != "_"), key=str.lower)
    return "|".join(f"{name}={features[name]}" for name in names) or "_"
