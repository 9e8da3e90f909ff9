"""What is known of a tokenizer from the text that it was measured on: statistics.json of a saved tokenizer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from snakelm.artifacts.records import read, write

FILE = "statistics.json"


@dataclass(frozen=True)
class TokenizerStatistics:
    """Each is None where it was not or cannot be measured; shares lie between 0 and 1, special tokens are left out."""

    name: str | None = None
    kind: str | None = None
    vocab_size: int | None = None
    strings_verified: int | None = None
    """Strings that every way of loading the tokenizer encodes alike."""
    split: str | None = None
    """Split of the corpus that was measured."""
    bytes_per_token: float | None = None
    """UTF-8 bytes of text that a token stands for; the larger, the shorter the sequences."""
    tokens_per_word: float | None = None
    """Tokens per whitespace-separated word (fertility); 1 is the least for a tokenizer that keeps words."""
    whole_words: float | None = None
    """Share of the running words that are one token, each encoded alone after a space."""
    unknown_rate: float | None = None
    """Share of the tokens that are the unknown token."""
    round_trip: float | None = None
    """Share of the lines that decode to exactly what was encoded."""
    characters_lost: float | None = None
    """Share of the non-whitespace characters that vanish without leaving an unknown token."""
    vocabulary_used: float | None = None
    """Share of the vocabulary that occurs at all."""
    renyi_efficiency: float | None = None
    """Rényi entropy of order 2.5 of the tokens over that of an evenly used vocabulary, 0 … 1 (Zouhar et al. 2023,
    Tokenization and the Noiseless Channel: of all orders this goes best with translation quality)."""
    tokens: int | None = None
    words: int | None = None
    bytes: int | None = None
    words_by_tokens: tuple[float | None, ...] = ()
    """Share of the running words that take 1, 2, …, 8 or more tokens."""


def read_statistics(folder: Path) -> TokenizerStatistics | None:
    """The statistics in a tokenizer's folder, None if it was not measured; ValueError for a file that is damaged."""
    return read(TokenizerStatistics, folder / FILE) if (folder / FILE).is_file() else None


def write_statistics(folder: Path, statistics: TokenizerStatistics) -> None:
    write(folder / FILE, statistics)
