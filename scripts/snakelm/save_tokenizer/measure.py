"""Figures that say how well a tokenizer fits a text, measured on lines that it was not trained on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy
from tokenizers import Tokenizer

RENYI_ORDER = 2.5
"""The order of Rényi entropy that goes best with translation quality (Zouhar et al. 2023, Tokenization and the
Noiseless Channel)."""
LONGEST_SHOWN = 8
BATCH = 1000


@dataclass
class Measured:
    figures: dict[str, Any]
    """The same on every machine."""
    megabytes_per_second: float
    """Encoding speed with the threads granted."""


def measure(tokenizer: Tokenizer, lines: list[str], unk_token: str | None) -> Measured:
    """Figures over `lines` (without line ends), special tokens left out.

    - bytes_per_token: UTF-8 bytes of text a token stands for; the larger, the shorter the sequences
    - tokens_per_word: tokens per blank-separated word (fertility); 1 is the least for a tokenizer that keeps words
    - whole_words: share of the running words that are one token, each encoded alone behind a blank
    - unknown_rate: share of the tokens that are the unknown token
    - round_trip: share of the lines that decode to exactly what was encoded
    - characters_lost: share of the non-blank characters that vanish without leaving an unknown token
    - vocabulary_used: share of the vocabulary, special tokens aside, that occurs at all
    - renyi_efficiency: Rényi entropy of order 2.5 of the tokens over that of an evenly used vocabulary; 0 … 1
    - words_by_tokens: share of the running words that take 1, 2, …, 8 or more tokens
    """
    unk_id = tokenizer.token_to_id(unk_token) if unk_token is not None else None
    special = {number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    counts: Counter[int] = Counter()
    unchanged, size, lost, characters, seconds = 0, 0, 0, 0, 0.0
    for begin in range(0, len(lines), BATCH):
        batch = lines[begin : begin + BATCH]
        started = time.perf_counter()
        encodings = tokenizer.encode_batch(batch, add_special_tokens=False)
        seconds += time.perf_counter() - started
        decoded = tokenizer.decode_batch([encoding.ids for encoding in encodings], skip_special_tokens=False)
        for line, encoding, back in zip(batch, encodings, decoded, strict=True):
            counts.update(encoding.ids)
            unchanged += back == line
            size += len(line.encode())
            if back != line:
                marked = _marked_unknown(encoding, unk_id, line)
                lost += max(_vanished(tokenizer, line, back) - marked, 0)
            characters += len(line) - line.count(" ")
    tokens = counts.total()
    words = Counter(word for line in lines for word in line.split())
    pieces = _tokens_of_words(tokenizer, words, unk_id)
    entries = tokenizer.get_vocab_size() - len(special)
    figures = {
        "bytes_per_token": _share(size, tokens),
        "tokens_per_word": _share(tokens, words.total()),
        "whole_words": _share(pieces[1], words.total()),
        "unknown_rate": _share(counts[unk_id] if unk_id is not None else 0, tokens),
        "round_trip": _share(unchanged, len(lines)),
        "characters_lost": _share(lost, characters),
        "vocabulary_used": _share(len(set(counts) - special), entries),
        "renyi_efficiency": _renyi_efficiency(counts, tokenizer.get_vocab_size()),
        "tokens": tokens,
        "words": words.total(),
        "bytes": size,
        "words_by_tokens": [_share(pieces[number], words.total()) for number in range(1, LONGEST_SHOWN + 1)],
    }
    return Measured(figures, size / 1e6 / max(seconds, 1e-9))


def _tokens_of_words(tokenizer: Tokenizer, words: Counter[str], unk_id: int | None) -> Counter[int]:
    """Number of tokens (at most LONGEST_SHOWN, an unknown one counts as cut) → running words that take so many."""
    distinct, found = sorted(words), Counter[int]()
    for begin in range(0, len(distinct), BATCH):
        batch = distinct[begin : begin + BATCH]
        encodings = tokenizer.encode_batch([" " + word for word in batch], add_special_tokens=False)
        for word, encoding in zip(batch, encodings, strict=True):
            number = sum(end > 1 for _, end in encoding.offsets)
            if unk_id in encoding.ids or number == 0:
                number = max(number, 2)
            found[min(number, LONGEST_SHOWN)] += words[word]
    return found


def _marked_unknown(encoding: Any, unk_id: int | None, line: str) -> int:
    """Non-blank characters that stand under an unknown token."""
    if unk_id is None or unk_id not in encoding.ids:
        return 0
    spans = [span for number, span in zip(encoding.ids, encoding.offsets, strict=True) if number == unk_id]
    return sum(len(line[start:end].replace(" ", "")) for start, end in spans)


def _vanished(tokenizer: Tokenizer, line: str, back: str) -> int:
    """Non-blank characters that are in the line but not in what was decoded, normalization allowed for."""
    normalized = tokenizer.normalizer.normalize_str(line) if tokenizer.normalizer is not None else line
    left = Counter(back)
    return min(_non_blank(Counter(one) - left) for one in {line, normalized})


def _non_blank(characters: Iterable[str] | Counter[str]) -> int:
    return sum(count for char, count in Counter(characters).items() if not char.isspace())


def _renyi_efficiency(counts: Counter[int], vocabulary: int) -> float | None:
    if not counts or vocabulary < 2:
        return None
    shares = numpy.sort(numpy.array(list(counts.values()), dtype=numpy.float64)) / counts.total()
    entropy = numpy.log((shares**RENYI_ORDER).sum()) / (1 - RENYI_ORDER)
    return round(float(entropy / numpy.log(vocabulary)), 6)


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 6) if whole else None
