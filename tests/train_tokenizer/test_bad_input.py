"""What a user may get wrong: one clear line each."""

from __future__ import annotations

import json
import re

import pytest
from pydantic import ValidationError

from snakelm.core.errors import UserError
from snakelm.train_tokenizer.config import TokenizerConfig
from tests.train_tokenizer.lab import Lab, write_corpus


@pytest.mark.parametrize(
    "settings,said",
    [
        ({"kind": "char_bpe", "vocab_size": 20}, r"tokenizers.tok.vocab_size: 20 is too small: .* alone take \d+"),
        ({"kind": "byte_level_bpe", "vocab_size": 100}, r"vocab_size: 100 is too small: .* alone take 256"),
        ({"kind": "sentencepiece_unigram", "vocab_size": 10}, r"vocab_size: 10 is too small"),
        ({"kind": "custom", "model": "BPR"}, r"tokenizers.tok.model: no model 'BPR'; did you mean BPE\?"),
        ({"kind": "custom", "model": "BPE", "normalizer": ["NFC", "Lowercased"]}, r"normalizer\[1\]: .*mean Lowercase"),
        (
            {"kind": "custom", "model": {"type": "BPE", "unk": 1}},
            r"tokenizers.tok.model: BPE has no argument 'unk'; known: .*unk_token",
        ),
        ({"kind": "custom", "model": {"type": "BPE", "dropout": "much"}}, r"BPE does not take {'dropout': 'much'}: "),
        ({"kind": "custom", "model": {"type": "BPE", "dropout": 7}}, r"BPE does not take {'dropout': 7}: "),
        ({"kind": "custom", "model": {"name": "BPE"}}, r"a component needs `type: <name>`"),
        (
            {
                "kind": "custom",
                "model": "BPE",
                "pre_tokenizer": {"type": "Split", "pattern": {"regex": "("}, "behavior": "x"},
            },
            r"pre_tokenizer: regex '\(' does not compile",
        ),
        ({"kind": "custom", "model": "BPE", "trainer": "WordPieceTrainer"}, r"does not train a BPE; use BpeTrainer"),
        ({"kind": "bert_wordpiece", "special_tokens": ["[PAD]"]}, r"needs an unk token; add '\[UNK\]'"),
        ({"kind": "word_level", "special_tokens": []}, r"needs an unk token; add '<unk>'"),
        (
            {"kind": "sentencepiece_unigram", "vocab_size": 400, "special_tokens": []},
            r"tokenizers.tok: it cannot encode",
        ),
        ({"kind": "custom", "model": "WordLevel"}, r"cannot encode unknown text .*; add an unk token"),
        ({"template_single": "<s> $A"}, r"template_single: '<s>' is not among special_tokens"),
        (
            {"special_tokens": ["<s>"], "template_single": "$A", "template_pair": "<s> $A"},
            r"template_pair: '<s> \$A' is an invalid template.*both sequences",
        ),
        (
            {"special_tokens": ["<s>"], "template_single": "<s> $Q"},
            r"template_single: '<s> \$Q' is an invalid template",
        ),
        ({"special_tokens": ["<s>"], "template_single": "<s>"}, r"template_single: '<s>' leaves the text out; put \$A"),
        ({"existing": "./nowhere"}, r"tokenizers.tok.existing: there is no folder './nowhere'"),
    ],
)
def test_one_line_when_training(lab, settings, said):
    if "existing" not in settings:
        settings = {"corpus": "text", **settings}
    with pytest.raises(UserError) as error:
        lab.train(**settings)
    assert re.search(said, str(error.value)) and "\n" not in str(error.value), str(error.value)
    assert not any(path.name == "tokenizer.json" for path in lab.root.rglob("*"))


@pytest.mark.parametrize(
    "settings,said",
    [
        ({"special_tokens": ["<a>", "<b>", "<a>"]}, "special token '<a>' is listed twice"),
        ({"special_tokens": ["<a>", ""]}, "a special token needs `content`"),
        ({"special_tokens": ["<a>"], "pad_token": "<pad>"}, "pad_token '<pad>' is not among special_tokens"),
        ({"family": "robert"}, "unknown family 'robert'; did you mean roberta"),
        ({"kind": "bytes", "vocab_size": 300}, "vocab_size: no effect on kind bytes; remove it"),
        ({"kind": "word_level", "shrinking_factor": 0.5}, "shrinking_factor: no effect on kind word_level"),
        ({"kind": "custom"}, "kind custom needs a model"),
        ({"corpus": None}, "kind byte_level_bpe needs a corpus"),
        ({"retrain": True}, "retrain belong to `existing`"),
        ({"vocab_size": 10**12}, "Input should be less than or equal to 10000000"),
        ({"min_frequency": 2**65}, "Input should be less than"),
        ({"existing": "x", "vocab_size": 10}, "vocab_size: no effect on an existing tokenizer"),
        ({"existing": "x", "retrain": True, "corpus": None}, "retrain: true needs a corpus"),
    ],
)
def test_one_line_when_reading(settings, said):
    with pytest.raises(ValidationError, match=re.escape(said)):
        TokenizerConfig(**{"corpus": "text", **settings})


def test_a_default_written_out_is_no_error():
    whole = TokenizerConfig(corpus="text", kind="word_level").model_dump(mode="json")
    assert TokenizerConfig(**whole) == TokenizerConfig(corpus="text", kind="word_level")


def test_larger_than_the_text_can_fill(lab, caplog):
    with caplog.at_level("WARNING", logger="snakelm"):
        lab.train(kind="byte_level_bpe", vocab_size=50000)
    size = lab.headline["vocab_size"]
    assert size < 5000 and f"the text fills only {size:,} of 50,000" in caplog.text


def test_characters_that_vanish(tmp_path, caplog):
    corpus = write_corpus(tmp_path / "corpus", ["plain words only here " * 20], ["Café Ωmega plain"])
    lab = Lab(tmp_path / "runs", corpus)
    with caplog.at_level("WARNING", logger="snakelm"):
        folder = lab.both(kind="byte_level_bpe", vocab_size=60, initial_alphabet=[])
    assert re.search(r"[\d.]+ % of the characters of the validation split are lost without a trace", caplog.text)
    assert 0.1 < lab.statistics(folder).characters_lost < 0.5
    caplog.clear()
    with caplog.at_level("WARNING", logger="snakelm"):
        folder = lab.both(kind="char_bpe", vocab_size=60)
    found = lab.statistics(folder)
    assert found.unknown_rate > 0 and found.characters_lost == 0 and "lost" not in caplog.text


@pytest.mark.parametrize(
    "kind", ["byte_level_bpe", "char_bpe", "bert_wordpiece", "sentencepiece_unigram", "word_level"]
)
@pytest.mark.parametrize("text", [" \n", "a", "\0\x01", "x" * 30000, "\ufeff\u200b", "👍" * 50])
def test_odd_corpora(tmp_path, kind, text):
    lab = Lab(tmp_path / "runs", write_corpus(tmp_path / "corpus", [text]))
    lab.both(kind=kind, vocab_size=300)


def test_no_training_split(tmp_path):
    (tmp_path / "corpus").mkdir()
    with pytest.raises(UserError, match="no train.parquet"):
        Lab(tmp_path / "runs", tmp_path / "corpus").train()


@pytest.mark.parametrize(
    "settings,said",
    [
        ({"kind": "sentencepiece_unigram", "special_tokens": ["<pad>"]}, "cannot encode unknown text"),
        ({"kind": "sentencepiece_unigram", "family": "none", "byte_fallback": True}, "cannot encode unknown text"),
        ({"kind": "custom", "model": {"type": "WordLevel", "unk_token": "?"}}, "'\\?' is not in its vocabulary"),
        ({"kind": "custom", "model": {"type": "BPE", "unk_token": "?"}}, "'\\?' is not in its vocabulary"),
        ({"kind": "word_level", "family": "none"}, "needs an unk token"),
        ({"special_tokens": ["<s>"], "template_single": "<s>"}, "template_single: '<s>' leaves the text out"),
    ],
)
def test_what_shows_before_any_text_is_read_is_said_when_the_recipe_is_read(tmp_path, settings, said):
    from snakelm.recipe.loading import load

    (tmp_path / "text.txt").write_text("some text\n", encoding="utf-8")
    recipe = {"corpora": {"text": {"files": str(tmp_path / "text.txt")}}}
    recipe["tokenizers"] = {"tok": {"corpus": "text", **settings}}
    (tmp_path / "recipe.json").write_text(json.dumps(recipe), encoding="utf-8")
    with pytest.raises(UserError, match=f"tok.*{said}"):
        load([tmp_path / "recipe.json"])
