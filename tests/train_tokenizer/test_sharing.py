"""What was learned behind the special tokens of one family serves behind those of others: the same bytes as training."""

from __future__ import annotations

import pytest

from snakelm.core.errors import UserError
from snakelm.tokenization.families import FAMILIES
from snakelm.train_tokenizer.config import TokenizerConfig
from snakelm.train_tokenizer.train import train_tokenizer

KINDS = {
    "byte_level_bpe": {},
    "char_bpe": {"limit_alphabet": 40},
    "sentencepiece_bpe": {"byte_fallback": True},
    "bert_wordpiece": {},
    "word_level": {},
    "characters": {"vocab_size": 130},
}


def shared(lab, learned, **settings):
    job = lab.job("tok", TokenizerConfig(corpus="text", **settings), learned=learned)
    train_tokenizer(job)
    return job.out


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_bytes_as_training(lab, kind):
    settings = {"kind": kind, "vocab_size": 700, **KINDS[kind]}
    learned = lab.train(family="unk", **settings)
    for family in FAMILIES:
        if family in ("none", "unk"):
            continue
        ours, theirs = shared(lab, learned, family=family, **settings), lab.train(family=family, **settings)
        for file in ("tokenizer.json", "training.json"):
            assert (ours / file).read_bytes() == (theirs / file).read_bytes(), (family, file)


def test_a_full_alphabet_is_refused_as_in_training(lab):
    settings = {"kind": "bert_wordpiece", "vocab_size": 130}
    learned = lab.train(family="bert", **settings)
    with pytest.raises(UserError) as trained:
        lab.train(family="t5", **settings)
    with pytest.raises(UserError) as taken:
        shared(lab, learned, family="t5", **settings)
    assert str(taken.value) == str(trained.value)
