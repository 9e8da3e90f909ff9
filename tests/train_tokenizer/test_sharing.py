"""A vocabulary is learned once for all special tokens, with the bytes that training gives with each of them."""

from __future__ import annotations

import pytest

from snakelm.core.errors import UserError
from snakelm.tokenization.families import FAMILIES
from snakelm.train_tokenizer import reproducible
from snakelm.train_tokenizer.config import OPTIONS, TokenizerConfig
from snakelm.train_tokenizer.train import train_tokenizer

KINDS = {
    "byte_level_bpe": {},
    "char_bpe": {"limit_alphabet": 40},
    "sentencepiece_bpe": {"byte_fallback": True},
    "bert_wordpiece": {},
    "word_level": {},
    "characters": {"vocab_size": 130},
    "sentencepiece_unigram": {},
    "bytes": {"vocab_size": 30000},
}


@pytest.fixture
def trainings(monkeypatch):
    """One entry for each training that reads the text."""
    found = []
    original = reproducible.train

    def counted(*arguments):
        found.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(reproducible, "train", counted)
    return found


def cached(lab, **settings):
    """Train as a job of the workflow does: with the stage's cache."""
    job = lab.job("tok", TokenizerConfig(corpus="text", **settings), corpus=lab.corpus)
    job.cache = lab.root / "cache"
    train_tokenizer(job)
    return job.out


def same(ours, theirs) -> bool:
    return all(
        (ours / file).read_bytes() == (theirs / file).read_bytes() for file in ("tokenizer.json", "training.json")
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_bytes_are_those_of_training(lab, kind, trainings):
    settings = {"kind": kind, "vocab_size": 700, **KINDS[kind]}
    families = [family for family in FAMILIES if family != "none"]
    ours = {family: cached(lab, family=family, **settings) for family in families}
    assert len(trainings) == (len(families) if kind in ("sentencepiece_unigram", "bytes") else 1)
    for family in families:
        assert same(ours[family], lab.train(family=family, **settings)), family


@pytest.mark.parametrize(
    "by_hand",
    [
        {"special_tokens": ["<pad>", {"content": "<gap>", "lstrip": True}]},
        {"family": "roberta", "pad_token": "<P>"},
        {"family": "t5", "template_single": "$A </s> </s>"},
    ],
)
def test_special_tokens_by_hand_share_too(lab, trainings, by_hand):
    cached(lab, vocab_size=400, family="gpt2")
    ours = cached(lab, vocab_size=400, **by_hand)
    assert len(trainings) == 1
    assert same(ours, lab.train(vocab_size=400, **by_hand))


def test_what_changes_the_learned_is_learned_anew(lab, trainings):
    for settings in ({}, {"vocab_size": 401}, {"min_frequency": 3}, {"lowercase": True}, {"attempt": 2}):
        cached(lab, **{"vocab_size": 400, "family": "gpt2", **settings})
    assert len(trainings) == 5


@pytest.mark.parametrize("special", ["e", "ing", "s"])
def test_a_special_token_that_the_text_gives_too(lab, special):
    settings = {"kind": "char_bpe", "vocab_size": 400, "special_tokens": ["<unk>", special]}
    assert same(cached(lab, **settings), lab.train(**settings))


def test_a_full_alphabet_is_refused_as_in_training(lab):
    settings = {"kind": "bert_wordpiece", "vocab_size": 130}
    cached(lab, family="bert", **settings)
    with pytest.raises(UserError) as trained:
        lab.train(family="t5", **settings)
    with pytest.raises(UserError) as taken:
        cached(lab, family="t5", **settings)
    assert str(taken.value) == str(trained.value)


def test_every_kind_is_tried():
    assert KINDS.keys() == OPTIONS.keys() - {"custom"}
