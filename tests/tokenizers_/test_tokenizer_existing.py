"""Existing tokenizers: taken over as they are, or retrained."""

from __future__ import annotations

import json

import pytest
from snakelm.errors import UserError
from tokenizers import Tokenizer
from transformers import AutoTokenizer

TEXT = "The quick naïve fox, isn't it? <mask> 👍🏽"


def test_taken_over_with_roles_and_limit(lab):
    original = lab.both("first", kind="byte_level_bpe", vocab_size=500, family="roberta")
    saved = lab.save(lab.train("second", existing=str(original)), "second", model_max_length=64)
    one, two = AutoTokenizer.from_pretrained(original), AutoTokenizer.from_pretrained(saved)
    assert one(TEXT, "b")["input_ids"] == two(TEXT, "b")["input_ids"]
    assert one.special_tokens_map == two.special_tokens_map and two.model_max_length == 64
    assert lab.figures(saved)["kind"] == "existing" and lab.figures(saved)["bytes_per_token"] > 1


def test_without_a_corpus_nothing_is_measured(lab):
    original = lab.both("first", kind="bytes")
    lab.corpus = None
    saved = lab.both("second", existing=str(original))
    assert not (saved / "figures.json").exists() and (saved / "second.zip").exists()


@pytest.mark.parametrize(
    "kind,family",
    [
        ("byte_level_bpe", "roberta"),
        ("char_bpe", "unk"),
        ("bert_wordpiece", "bert"),
        ("sentencepiece_unigram", "t5"),
        ("sentencepiece_bpe", "llama"),
        ("word_level", "unk"),
    ],
)
def test_retrained_is_what_training_that_kind_gives(lab, kind, family):
    """Retraining on the same corpus to the same size gives the tokenizer itself.

    Where there was no post-processor, transformers adds one that does nothing.
    """
    original = lab.train("first", kind=kind, vocab_size=450, family=family)
    again = lab.train("second", existing=str(lab.save(original)), retrain=True, vocab_size=450)
    one, two = (json.loads((folder / "tokenizer.json").read_text()) for folder in (original, again))
    if one["post_processor"] is None:
        assert two.pop("post_processor")["special_tokens"] == {} and one.pop("post_processor") is None
    assert one == two


def test_retrained_to_another_size_keeps_parts_and_templates(lab):
    original = lab.both("first", kind="bert_wordpiece", vocab_size=450, family="bert")
    saved = lab.both("second", existing=str(original), retrain=True, vocab_size=300)
    auto = AutoTokenizer.from_pretrained(saved)
    assert len(auto) == 300 and auto("a", "b")["input_ids"][0] == auto.cls_token_id
    parts = [json.loads((folder / "tokenizer.json").read_text()) for folder in (original, saved)]
    assert parts[0]["normalizer"] == parts[1]["normalizer"] and parts[0]["added_tokens"] == parts[1]["added_tokens"]


def test_a_bare_tokenizer_json(lab, tmp_path):
    """A folder with nothing but tokenizer.json, as the tokenizers library writes it."""
    trained = lab.train("first", kind="byte_level_bpe", vocab_size=400)
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "tokenizer.json").write_bytes((trained / "tokenizer.json").read_bytes())
    taken = lab.train("second", existing=str(bare))
    one, two = (Tokenizer.from_file(str(folder / "tokenizer.json")) for folder in (trained, taken))
    assert one.encode(TEXT).ids == two.encode(TEXT).ids


@pytest.mark.parametrize("content", [None, "{}", "not json"])
def test_a_folder_that_holds_no_tokenizer(lab, tmp_path, content):
    folder = tmp_path / "empty"
    folder.mkdir()
    if content is not None:
        (folder / "tokenizer.json").write_text(content)
    with pytest.raises(UserError, match=r"tokenizers.tok.existing: '.*empty' cannot be loaded: ") as error:
        lab.train(existing=str(folder))
    assert "\n" not in str(error.value)
