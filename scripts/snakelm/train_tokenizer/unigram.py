"""Unigram training whose result depends on the counted words alone.

The library's UnigramTrainer adds up floating-point numbers in the order of a hash map, so scores differ in their last
digits from run to run, and pieces of equal score trade places. This is the same algorithm (Kudo 2018, as in
SentencePiece and `tokenizers`) in numpy with a fixed order of summation:

1. Seeds: all characters, and the repeated substrings of the distinct words up to `max_piece_length`, unless one and
   the same character always follows; the `seed_size` best by frequency × length.
2. EM on the lattices of all words, `n_sub_iterations` times; pieces expected less than 0.5 times go; scores by
   Bayesian EM (digamma).
3. Prune to `shrinking_factor` of the pieces: those go first whose removal costs the least likelihood, if each of
   their occurrences were cut the next best way. Back to 2 until `vocab_size` is reached. Characters always stay.

Scores are rounded to 1e-9 after each step, which swallows the last digits in which CPUs' `exp` differ. Words longer
than 1,000 characters (text without spaces) are cut there for training. Differences from the library: characters never
drop out; strings that occur at word ends only may be seeds; the last tenth goes by loss too, where the library prunes
to 1.1 × `vocab_size` and then cuts by position.

Measured on the State of the Union addresses (12 MB, 65,513 distinct words, 2 cores), 8,000 pieces: 4.1 s where the
library takes 10.1 s; log-likelihood of a seventh of the lines -2.2547e6 (library -2.2591e6), 0.4 % more tokens.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray
from scipy.special import digamma
from tokenizers import models

from snakelm.core import console

LONGEST_WORD = 1000
Ints = NDArray[numpy.int64]
Floats = NDArray[numpy.float64]
Bools = NDArray[numpy.bool_]


def train_unigram(
    words: dict[str, int], trainer: Any, entries: Sequence[str] = (), byte_fallback: bool = False
) -> models.Unigram:
    """The trained model: special tokens, `entries`, then pieces by score; at least the whole alphabet of the text.

    `words` are the counted pieces of text, `trainer` (a UnigramTrainer) holds the settings.
    """
    settings = json.loads(trainer.__getstate__())["UnigramTrainer"]
    special = [token["content"] for token in settings["special_tokens"]]
    unk = settings["unk_token"]
    if unk is not None and unk not in special:
        special.insert(0, unk)
    unk_id = special.index(unk) if unk is not None else None
    special += [entry for entry in entries if entry not in special]
    room = settings["vocab_size"] - len(special)
    pieces, scores = _learn(_cut_long(words), room, settings)
    characters = {piece for piece in pieces if len(piece) == 1} | set(settings["initial_alphabet"])
    lowest = min(scores, default=0.0)
    best = {piece: score for piece, score in zip(pieces, scores, strict=True) if piece not in special}
    for number, char in enumerate(sorted(characters - set(best))):
        best[char] = lowest - 0.0001 * (number + 1)
    ranked = sorted(best, key=lambda piece: (piece not in characters, -best[piece], piece))[
        : max(room, len(characters))
    ]
    ranked.sort(key=lambda piece: (-best[piece], piece))
    vocabulary = [(token, 0.0) for token in special] + [(piece, best[piece]) for piece in ranked]
    return models.Unigram(vocabulary, unk_id, byte_fallback)


@dataclass
class Lattices:
    """All ways of cutting a list of words into pieces: edges between the gaps (nodes) of all words laid end to end.

    Edges are sorted by the offset of their end within its word, then by their end, so that one vectorized step serves
    the nodes of one offset in all words. `steps` are (first edge, last edge + 1) of each offset.
    """

    start: Ints
    end: Ints
    piece: Ints
    steps: list[tuple[int, int]]
    first: Ints
    """Node before each word."""
    last: Ints
    """Node after each word."""

    @classmethod
    def build(cls, start: Ints, end: Ints, piece: Ints, first: Ints, last: Ints) -> Lattices:
        """Sort edges that come in any order."""
        word = numpy.searchsorted(first, end, side="right") - 1
        offset = end - first[word]
        order = numpy.argsort(offset * (last[-1] + 1) + end, kind="stable")
        return cls._sorted(start[order], end[order], piece[order], offset[order], first, last)

    @classmethod
    def _sorted(cls, start: Ints, end: Ints, piece: Ints, offset: Ints, first: Ints, last: Ints) -> Lattices:
        bounds = numpy.flatnonzero(numpy.diff(offset, prepend=-1, append=-1))
        return cls(start, end, piece, list(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)), first, last)

    def only(self, new_id: Ints) -> Lattices:
        """The lattices with pieces renumbered, and without the edges of those that get -1."""
        piece = new_id[self.piece]
        kept = piece >= 0
        step = numpy.repeat(numpy.arange(len(self.steps)), [high - low for low, high in self.steps])
        return self._sorted(self.start[kept], self.end[kept], piece[kept], step[kept], self.first, self.last)

    def viterbi(self, scores: Floats) -> tuple[Floats, Ints]:
        """Best log-probability of reaching each node, and the edge by which it is reached (-1: none)."""
        best = numpy.full(self.last[-1] + 1, -numpy.inf)
        best[self.first] = 0.0
        via = numpy.full(self.last[-1] + 1, -1, dtype=numpy.int64)
        for low, high in self.steps:
            reached = best[self.start[low:high]] + scores[self.piece[low:high]]
            heads, nodes = self._heads(low, high)
            top = numpy.maximum.reduceat(reached, heads)
            best[nodes] = top
            winners = numpy.flatnonzero(reached == numpy.repeat(top, numpy.diff(heads, append=high - low)))
            via[self.end[low:high][winners[::-1]]] = low + winners[::-1]  # of equals, the first edge wins
        return best, via

    def path_edges(self, via: Ints) -> Iterator[tuple[Ints, Ints]]:
        """The edges of the best paths, from the last backwards: (indices of words, their edges), token by token."""
        words = numpy.arange(len(self.first))
        node = self.last.copy()
        while len(words):
            edges = via[node]
            yield words, edges
            node = self.start[edges]
            going = node > self.first[words]
            words, node = words[going], node[going]

    def expected(self, scores: Floats, counts: Floats) -> Floats:
        """How often each piece is expected in words that occur `counts` times: forward-backward.

        Forward values are divided by the best path's probability, which keeps them between 1 and the number of paths.
        """
        best, _ = self.viterbi(scores)
        forward = numpy.zeros(self.last[-1] + 1)
        forward[self.first] = 1.0
        weight = numpy.exp(best[self.start] + scores[self.piece] - best[self.end])
        for low, high in self.steps:
            heads, nodes = self._heads(low, high)
            forward[nodes] = numpy.add.reduceat(forward[self.start[low:high]] * weight[low:high], heads)
        backward = numpy.zeros(self.last[-1] + 1)
        backward[self.last] = counts / forward[self.last]
        for low, high in reversed(self.steps):
            numpy.add.at(backward, self.start[low:high], backward[self.end[low:high]] * weight[low:high])
        mass = forward[self.start] * weight * backward[self.end]
        return numpy.asarray(numpy.bincount(self.piece, weights=mass, minlength=len(scores)), dtype=numpy.float64)

    def _heads(self, low: int, high: int) -> tuple[Ints, Ints]:
        """Where each node's run of incoming edges begins within edges low … high, and those nodes."""
        ends = self.end[low:high]
        heads = numpy.flatnonzero(numpy.diff(ends, prepend=-1))
        return heads, ends[heads]


@dataclass
class _Substrings:
    """The distinct substrings of one length; by number, but for `node` and `number`, which go by occurrence."""

    size: int
    node: Ints
    """Where each occurrence begins."""
    number: Ints
    """Which substring occurs there."""
    where: Ints
    """A node where each begins."""
    frequency: Ints | Floats
    """How often each occurs in the distinct words; of characters, in all words."""
    seed: Bools
    """Which of them are seeds."""


def _learn(words: dict[str, int], room: int, settings: dict[str, Any]) -> tuple[list[str], list[float]]:
    ordered = sorted(words)
    if not ordered:
        return [], []
    counts = numpy.array([words[word] for word in ordered], dtype=numpy.float64)
    seeds = _seeds(ordered, counts, settings["max_piece_length"], settings["seed_size"])
    lattices, where, length, scores = seeds
    single = length == 1
    target = max(room, int(single.sum()))
    while True:
        for _ in range(settings["n_sub_iterations"]):
            frequency = lattices.expected(scores, counts)
            kept = (frequency >= 0.5) | single
            kept[numpy.argsort(-numpy.where(single, numpy.inf, frequency), kind="stable")[:target]] = True
            frequency = numpy.maximum(frequency[kept], 0.5)
            scores = numpy.round(digamma(frequency) - digamma(frequency.sum()), 9)
            lattices = lattices.only(_renumber(kept))
            where, length, single = where[kept], length[kept], single[kept]
        console.log.info(f"unigram: {len(scores):,} pieces left, {target:,} wanted")
        if len(scores) <= target:
            break
        size = max(target, int(len(scores) * settings["shrinking_factor"]))
        kept = _prune(lattices, where, length, scores, counts, size)
        if kept.all():
            break
        lattices = lattices.only(_renumber(kept))
        where, length, single, scores = where[kept], length[kept], single[kept], scores[kept]
    text = "".join(word + "\0" for word in ordered)  # one character per node
    pieces = [text[node : node + size] for node, size in zip(where.tolist(), length.tolist(), strict=True)]
    return pieces, scores.tolist()


def _seeds(words: list[str], counts: Floats, longest: int, most: int) -> tuple[Lattices, Ints, Ints, Floats]:
    """Lattices over the seed pieces; per piece a node where it occurs, its length, and its first score.

    Substrings of length n get their number from the number of their first n - 1 characters and the last one.
    """
    sizes = numpy.array([len(word) for word in words])
    last = numpy.cumsum(sizes + 1) - 1
    first = last - sizes
    codes = numpy.frombuffer("\0".join([*words, ""]).encode("utf-32-le"), dtype=numpy.uint32)
    _, char = numpy.unique(codes, return_inverse=True)
    inside = numpy.ones(len(codes), dtype=bool)
    inside[last] = False
    ends = numpy.repeat(last, sizes + 1)
    node = numpy.flatnonzero(inside)
    key = char[node]
    found: list[_Substrings] = []
    for size in range(1, longest + 1):
        kinds, at, number, frequency = numpy.unique(key, return_index=True, return_inverse=True, return_counts=True)
        found.append(_Substrings(size, node, number, node[at], frequency, seed=frequency >= 2))
        if size > 1:
            parent = kinds // (char.max() + 1)
            heads = numpy.flatnonzero(numpy.diff(parent, prepend=-1))
            # a string that the same character always follows is not a seed: the longer one serves
            longer = numpy.zeros(len(found[-2].frequency), dtype=numpy.int64)
            longer[parent[heads]] = numpy.maximum.reduceat(frequency, heads) if len(heads) else 0
            found[-2].seed &= longer < found[-2].frequency
        going = (frequency[number] >= 2) & (node + size < ends[node])
        node, number = node[going], number[going]
        key = number * (char.max() + 1) + char[node + size]
        if not len(node):
            break
    found[0].seed = numpy.ones(len(found[0].frequency), dtype=bool)
    occurrences = numpy.repeat(counts, sizes)  # one per character, as found[0].node
    found[0].frequency = numpy.bincount(found[0].number, weights=occurrences)
    _keep_best(found, most)
    start, piece, base = [], [], 0
    for level in found:
        new_id = _renumber(level.seed)[level.number]
        kept = new_id >= 0
        start.append(level.node[kept])
        piece.append(new_id[kept] + base)
        base += int(level.seed.sum())
    length = numpy.concatenate([numpy.full(int(level.seed.sum()), level.size) for level in found])
    where = numpy.concatenate([level.where[level.seed] for level in found])
    weight = numpy.concatenate([level.frequency[level.seed] for level in found]) * length
    starts, pieces = numpy.concatenate(start), numpy.concatenate(piece)
    lattices = Lattices.build(starts, starts + length[pieces], pieces, first, last)
    return lattices, where, length, numpy.round(numpy.log(weight / weight.sum()), 9)


def _keep_best(found: list[_Substrings], most: int) -> None:
    """Leave at most `most` seeds, longer ones by frequency × length; equals in order of length and code points."""
    weights = numpy.concatenate([level.frequency * level.size * level.seed for level in found[1:]] or [numpy.zeros(0)])
    room = max(most - len(found[0].seed), 0)
    if (weights > 0).sum() <= room:
        return
    chosen = numpy.zeros(len(weights), dtype=bool)
    chosen[numpy.argsort(-weights, kind="stable")[:room]] = True
    bounds = numpy.cumsum([len(level.seed) for level in found[1:]])[:-1]
    for level, part in zip(found[1:], numpy.split(chosen, bounds), strict=True):
        level.seed &= part


def _prune(lattices: Lattices, where: Ints, length: Ints, scores: Floats, counts: Floats, size: int) -> Bools:
    """Which pieces stay: all characters, and of those that best paths use the ones whose loss would cost most."""
    _, via = lattices.viterbi(scores)
    frequency = numpy.zeros(len(scores))
    for words, edges in lattices.path_edges(via):
        frequency += numpy.bincount(lattices.piece[edges], weights=counts[words], minlength=len(scores))
    long = numpy.flatnonzero(length > 1)
    inner = _inner_lattices(lattices, where[long], length[long])
    _, via = inner.viterbi(scores)
    total = frequency.sum()
    alternative_cost, parts = numpy.zeros(len(long)), numpy.zeros(len(long))
    paths = list(inner.path_edges(via))
    for words, _ in paths:
        parts[words] += 1
    log_total = numpy.log(total + frequency[long] * (parts - 1))
    for words, edges in paths:
        used = numpy.maximum(frequency[inner.piece[edges]] + frequency[long[words]], 1e-12)
        alternative_cost[words] += numpy.log(used) - log_total[words]
    own = numpy.log(numpy.maximum(frequency[long], 1e-12)) - numpy.log(total)
    loss = numpy.round(frequency[long] / counts.sum() * (own - alternative_cost), 12)
    stays: Bools = length == 1
    candidates = frequency[long] > 0
    chosen = long[candidates][numpy.argsort(-loss[candidates], kind="stable")]
    stays[chosen[: max(size - int(stays.sum()), 0)]] = True
    return stays


def _inner_lattices(lattices: Lattices, where: Ints, length: Ints) -> Lattices:
    """Each piece as a word of its own, cut into other pieces: the part of the lattice where it occurs."""
    order = numpy.argsort(lattices.start, kind="stable")
    start, end, piece = lattices.start[order], lattices.end[order], lattices.piece[order]
    row = numpy.searchsorted(start, numpy.arange(lattices.last[-1] + 2))
    low, high = row[where], row[where + length]
    many = high - low
    owner = numpy.repeat(numpy.arange(len(where)), many)
    edge = numpy.arange(many.sum()) - numpy.repeat(numpy.cumsum(many) - many, many) + numpy.repeat(low, many)
    inside = (end[edge] <= (where + length)[owner]) & (end[edge] - start[edge] < length[owner])
    owner, edge = owner[inside], edge[inside]
    last = numpy.cumsum(length + 1) - 1
    first = last - length
    shift = (first - where)[owner]
    return Lattices.build(start[edge] + shift, end[edge] + shift, piece[edge], first, last)


def _renumber(kept: Bools) -> Ints:
    return numpy.where(kept, numpy.cumsum(kept) - 1, -1)


def _cut_long(words: dict[str, int]) -> dict[str, int]:
    if all(len(word) <= LONGEST_WORD for word in words):
        return {word: count for word, count in words.items() if word}
    cut: dict[str, int] = {}
    for word, count in words.items():
        for begin in range(0, len(word), LONGEST_WORD):
            part = word[begin : begin + LONGEST_WORD]
            cut[part] = cut.get(part, 0) + count
    return cut
