"""Encoding a corpus: nothing lost, nothing depends on threads or batches, trouble said plainly."""

from __future__ import annotations

import itertools
import json
import logging

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from snakelm.core.errors import UserError
from snakelm.encode_corpus import encode as module
from snakelm.pretrain.stream import TokenStream
from tests.pretrain import lab

UGLY = ["", " ", "\x00\x01", "a\r\nb\n\n", "<mask></s> spelled out", "🙂🙃 \u200f עברית", "x" * 5000, "tail\n"]


def test_text_comes_back_with_a_separator_after_each_document(parents, tmp_path):
    corpus = lab.make_corpus(tmp_path / "corpus", UGLY)
    stream = TokenStream(lab.encode(corpus, parents["tokenizer"], tmp_path / "out"), "train")
    tokenizer = AutoTokenizer.from_pretrained(parents["tokenizer"])
    offsets = np.load(tmp_path / "out/train.offsets.npy")
    texts = []
    for begin, end in zip(offsets[:-1], offsets[1:], strict=True):
        ids = stream.ids(begin, end - begin).tolist()
        assert ids[-1] == tokenizer.eos_token_id and tokenizer.eos_token_id not in ids[:-1]
        assert tokenizer.mask_token_id not in ids, "a special token spelled out in the text is text"
        texts.append(tokenizer.decode(ids[:-1], clean_up_tokenization_spaces=False))
    assert texts == UGLY
    assert stream.bytes == sum(len(text.encode()) for text in UGLY) and stream.tokens == offsets[-1]


def test_word_starts_are_where_words_begin(parents, tmp_path):
    corpus = lab.make_corpus(tmp_path / "corpus", ["incomprehensible words here"])
    stream = TokenStream(lab.encode(corpus, parents["tokenizer"], tmp_path / "out"), "train")
    tokenizer = AutoTokenizer.from_pretrained(parents["tokenizer"])
    tokens = tokenizer.convert_ids_to_tokens(stream.ids(0, stream.tokens).tolist())
    starts = stream.word_starts(0, stream.tokens)
    assert starts.tolist() == [n == 0 or token.startswith("Ġ") or token == "</s>" for n, token in enumerate(tokens)]
    assert stream.word_starts(3, 5).tolist() == [True, *starts[4:8]]


WORD_KINDS = {
    "bytes": pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    "characters": pre_tokenizers.Split("", "isolated"),
    "metaspace": pre_tokenizers.Metaspace(),
    "wordpiece": pre_tokenizers.BertPreTokenizer(),
    "none": None,
}


@pytest.mark.parametrize("kind", WORD_KINDS)
def test_words_are_found_whatever_the_pre_tokenizer_cuts(kind, tmp_path):
    text = "one  two three"
    backend = Tokenizer(models.BPE({char: number for number, char in enumerate(sorted(set(text) | set("ĠĊ▁")))}, []))
    if WORD_KINDS[kind] is not None:
        backend.pre_tokenizer = WORD_KINDS[kind]
    PreTrainedTokenizerFast(tokenizer_object=backend).save_pretrained(tmp_path / "tokenizer")
    corpus = lab.make_corpus(tmp_path / "corpus", [text])
    folder = lab.encode(corpus, tmp_path / "tokenizer", tmp_path / "out", separator="none")
    stream = TokenStream(folder, "train")
    letters = AutoTokenizer.from_pretrained(tmp_path / "tokenizer").convert_ids_to_tokens(stream.ids(0, 99).tolist())
    words = np.split(letters, np.flatnonzero(stream.word_starts(0, stream.tokens))[1:])
    read = ["".join(letter for letter in word if letter.isascii()).strip() for word in words]
    assert [word for word in read if word] == ["one", "two", "three"]


def test_threads_and_batches_change_nothing(parents, tmp_path, monkeypatch):
    one = lab.encode(parents["corpus"], parents["tokenizer"], tmp_path / "one", threads=1)
    monkeypatch.setattr(module, "BATCH", 100)
    two = lab.encode(parents["corpus"], parents["tokenizer"], tmp_path / "two", threads=4)
    assert lab.content(one) == lab.content(two)


def test_a_long_document_is_encoded_in_pieces_cut_at_line_ends(parents, tmp_path, monkeypatch):
    text = "\n".join(lab.sentences(40))
    corpus = lab.make_corpus(tmp_path / "corpus", [text, "next"])
    whole = lab.encode(corpus, parents["tokenizer"], tmp_path / "whole")
    monkeypatch.setattr(module, "PIECE", 300)
    pieces = lab.encode(corpus, parents["tokenizer"], tmp_path / "pieces")
    tokenizer = AutoTokenizer.from_pretrained(parents["tokenizer"])
    decoded = [
        tokenizer.decode(TokenStream(folder, "train").ids(0, 10**6), skip_special_tokens=True)
        for folder in (whole, pieces)
    ]
    assert decoded[0] == decoded[1]
    assert json.loads((pieces / "encoded.json").read_text())["splits"]["train"]["documents"] == 2


def test_separators(parents, tmp_path):
    corpus = lab.make_corpus(tmp_path / "corpus", ["one", "two"])
    none = TokenStream(lab.encode(corpus, parents["tokenizer"], tmp_path / "none", separator="none"), "train")
    assert 2 not in none.ids(0, none.tokens)


def test_only_what_stands_for_unknown_text_is_counted_as_unknown(parents, tmp_path, caplog, monkeypatch):
    """GPT-2's end of text is unk and separator in one: neither is a byte-level text's unknown token."""
    monkeypatch.setattr(logging.getLogger("snakelm"), "propagate", True)
    corpus = lab.make_corpus(tmp_path / "corpus", ["short", "texts", "<|endoftext|>"] * 20)
    backend = Tokenizer.from_file(str(parents["tokenizer"] / "tokenizer.json"))
    end = dict.fromkeys(("bos_token", "eos_token", "unk_token"), "<|endoftext|>")
    PreTrainedTokenizerFast(tokenizer_object=backend, **end).save_pretrained(tmp_path / "bytes")
    folder = lab.encode(corpus, tmp_path / "bytes", tmp_path / "out")
    assert json.loads((folder / "encoded.json").read_text())["splits"]["train"]["unknown"] == 0
    assert "unknown" not in caplog.text and "does not know" not in caplog.text
    words = Tokenizer(models.WordLevel({"<e>": 0, "short": 1}, unk_token="<e>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<e>", unk_token="<e>").save_pretrained(
        tmp_path / "words"
    )
    lab.encode(lab.make_corpus(tmp_path / "two", ["short text"]), tmp_path / "words", tmp_path / "out-words")
    assert "33.3% of the training tokens are <e>" in caplog.text


def test_a_large_vocabulary_takes_four_bytes(tmp_path):
    words = {f"w{number}": number for number in range(70_000)}
    backend = Tokenizer(models.WordLevel(words, unk_token="w0"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="w0").save_pretrained(tmp_path / "tokenizer")
    corpus = lab.make_corpus(tmp_path / "corpus", ["w1 w69999", "w65536 w65535"])
    stream = TokenStream(lab.encode(corpus, tmp_path / "tokenizer", tmp_path / "out"), "train")
    assert stream.ids(0, 10).tolist() == [1, 69999, 65536, 65535]


def test_a_corpus_without_text_is_refused(parents, tmp_path):
    corpus = lab.make_corpus(tmp_path / "corpus", [])
    with pytest.raises(UserError, match="no text to train on"):
        lab.encode(corpus, parents["tokenizer"], tmp_path / "out")


def test_shuffled_documents_are_each_epoch_the_same_text_in_another_order(parents):
    stream = TokenStream(parents["encoded"], "train")
    offsets = np.load(parents["encoded"] / "train.offsets.npy")
    documents = {stream.ids_T[a:b].tobytes() for a, b in itertools.pairwise(offsets)}
    shuffled = stream.shuffled(seed=3)
    seen = []
    for epoch in (0, 1, 0):
        whole = shuffled.ids(epoch, 0, stream.tokens)
        starts = shuffled.word_starts(epoch, 0, stream.tokens)
        pieces = [shuffled.ids(epoch, begin, 7) for begin in range(0, stream.tokens - 7, 7)]
        assert np.array_equal(np.concatenate(pieces), whole[: 7 * len(pieces)])
        assert starts.sum() == stream.word_starts(0, stream.tokens).sum()
        end = stream.ids_T[-1]  # the separator, which is in no document but at its end
        cuts = np.flatnonzero(whole == end) + 1
        assert {part.astype(stream.ids_T.dtype).tobytes() for part in np.split(whole, cuts)[:-1]} == documents
        seen.append(whole.tobytes())
    assert seen[0] == seen[2] != seen[1]
