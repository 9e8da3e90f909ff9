"""Existing tokenizers: taken over as they are, or retrained."""

from __future__ import annotations

import json

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer

from snakelm.core.errors import UserError

TEXT = "The quick naïve fox, isn't it? <mask> 👍🏽"


def test_taken_over_with_roles_and_limit(lab):
    original = lab.both("first", kind="byte_level_bpe", vocab_size=500, family="roberta")
    saved = lab.save(lab.train("second", existing=str(original)), "second", model_max_length=64)
    one, two = AutoTokenizer.from_pretrained(original), AutoTokenizer.from_pretrained(saved)
    assert one(TEXT, "b")["input_ids"] == two(TEXT, "b")["input_ids"]
    assert one.special_tokens_map == two.special_tokens_map and two.model_max_length == 64
    assert lab.statistics(saved).kind == "existing" and lab.statistics(saved).bytes_per_token > 1


def test_without_a_corpus_nothing_is_measured(lab):
    original = lab.both("first", kind="bytes")
    lab.corpus = None
    saved = lab.both("second", existing=str(original))
    assert not (saved / "statistics.json").exists() and (saved / "second.zip").exists()


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


@pytest.mark.parametrize("retrain", [{}, {"retrain": True, "vocab_size": 400}])
def test_side_of_padding_and_chat_template_are_taken_over(lab, retrain):
    original = lab.both("first", kind="byte_level_bpe", vocab_size=400, family="gpt2")
    auto = AutoTokenizer.from_pretrained(original, padding_side="left")
    auto.chat_template = "{% for message in messages %}{{ message.content }}!{% endfor %}"
    auto.save_pretrained(original)
    taken = AutoTokenizer.from_pretrained(lab.both("second", existing=str(original), **retrain))
    assert taken.padding_side == "left" and taken.truncation_side == "right"
    assert taken.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False) == "Hi!"


PLAIN = {
    "BPE": models.BPE({"?": 0, "c": 1, "a": 2, "ca": 3}, [("c", "a")], unk_token="?"),
    "WordPiece": models.WordPiece({"?": 0, "ca": 1}, unk_token="?"),
    "WordLevel": models.WordLevel({"?": 0, "ca": 1}, unk_token="?"),
    "Unigram": models.Unigram([("?", 0.0), ("c", -1.0), ("a", -1.0)], 0, False),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_an_unknown_token_that_nobody_declared(lab, tmp_path, kind):
    """Known to the model alone: neither a special token of its tokenizer.json nor a role of any config."""
    bare = tmp_path / "bare"
    bare.mkdir()
    tokenizer = Tokenizer(PLAIN[kind])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(bare / "tokenizer.json"))
    found = lab.statistics(lab.both("taken", existing=str(bare)))
    assert found.unknown_rate > 0.3 and found.characters_lost == 0
    lab.both("again", existing=str(bare), retrain=True, vocab_size=300)


def test_a_sentencepiece_file_alone(lab, tmp_path):
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "tokenizer.model").write_bytes(b"\n\x0b\n\x05<unk>\x15\0\0\0\0\x18\x02")
    with pytest.raises(UserError, match=r"'.*bare': it has a SentencePiece .* no tokenizer.json"):
        lab.train(existing=str(tmp_path / "bare"))


@pytest.mark.parametrize("content", [None, "{}", "not json"])
def test_a_folder_that_holds_no_tokenizer(lab, tmp_path, content):
    folder = tmp_path / "empty"
    folder.mkdir()
    if content is not None:
        (folder / "tokenizer.json").write_text(content)
    with pytest.raises(UserError, match=r"tokenizers.tok.existing: '.*empty': no tokenizer can be loaded ") as error:
        lab.train(existing=str(folder))
    assert "\n" not in str(error.value)
