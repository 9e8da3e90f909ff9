"""Statistics that say how well a tokenizer fits a text, measured on lines that it was not trained on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy
from tokenizers import Tokenizer

from snakelm.tokenization.statistics import TokenizerStatistics

RENYI_ORDER = 2.5
LONGEST_SHOWN = 8
BATCH = 1000


@dataclass(frozen=True)
class Measurement:
    statistics: TokenizerStatistics
    """What the text alone decides: the same on every machine."""
    megabytes_per_second: float
    """Encoding speed with the threads granted."""


def measure(tokenizer: Tokenizer, lines: list[str], unk_token: str | None) -> Measurement:
    """Statistics of `lines` (without line ends); `TokenizerStatistics` defines each of them."""
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
    statistics = TokenizerStatistics(
        bytes_per_token=_share(size, tokens),
        tokens_per_word=_share(tokens, words.total()),
        whole_words=_share(pieces[1], words.total()),
        unknown_rate=_share(counts[unk_id] if unk_id is not None else 0, tokens),
        round_trip=_share(unchanged, len(lines)),
        characters_lost=_share(lost, characters),
        vocabulary_used=_share(len(set(counts) - special), entries),
        renyi_efficiency=_renyi_efficiency(counts, tokenizer.get_vocab_size()),
        tokens=tokens,
        words=words.total(),
        bytes=size,
        words_by_tokens=tuple(_share(pieces[number], words.total()) for number in range(1, LONGEST_SHOWN + 1)),
    )
    return Measurement(statistics, size / 1e6 / max(seconds, 1e-9))


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
    """Non-whitespace characters that stand under an unknown token."""
    if unk_id is None or unk_id not in encoding.ids:
        return 0
    spans = [span for number, span in zip(encoding.ids, encoding.offsets, strict=True) if number == unk_id]
    return sum(len(line[start:end].replace(" ", "")) for start, end in spans)


def _vanished(tokenizer: Tokenizer, line: str, back: str) -> int:
    """Non-whitespace characters that are in the line but not in what was decoded, normalization allowed for."""
    normalized = tokenizer.normalizer.normalize_str(line) if tokenizer.normalizer is not None else line
    left = Counter(back)
    return min(_non_whitespace(Counter(one) - left) for one in {line, normalized})


def _non_whitespace(characters: Iterable[str] | Counter[str]) -> int:
    return sum(count for char, count in Counter(characters).items() if not char.isspace())


def _renyi_efficiency(counts: Counter[int], vocabulary: int) -> float | None:
    if not counts or vocabulary < 2:
        return None
    shares = numpy.sort(numpy.array(list(counts.values()), dtype=numpy.float64)) / counts.total()
    entropy = numpy.log((shares**RENYI_ORDER).sum()) / (1 - RENYI_ORDER)
    return round(float(entropy / numpy.log(vocabulary)), 6)


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 6) if whole else None
