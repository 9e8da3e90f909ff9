"""The recipes about tokenizers: the classic numbers on Romeo and Juliet, and all kinds on the default corpus."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from snakelm.train_tokenizer.config import OPTIONS
from snakelm.train_tokenizer.train import split_lines
from tests.train_tokenizer.lab import Lab, write_corpus

CONFIG = Path(__file__).parents[2] / "config"


def entries(recipe: str):
    from snakelm.recipe.loading import load

    return load([CONFIG / recipe]).tokenizers


def test_romeo_and_juliet(tmp_path, rij):
    """Exactly what the library's own call gives on the file, and what was published of it."""
    assert rij.count("\r\n") > 1000
    lab = Lab(tmp_path / "runs", write_corpus(tmp_path / "corpus", [rij]))
    folder = lab.both("classic", **entries("romeo-and-juliet.yaml")["classic"].model_dump(exclude={"save"}))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert tokenizer.get_vocab_size() == 2608
    encoding = tokenizer.encode("I can feel the magic, can you?")
    assert encoding.tokens == ["ĠI", "Ġcan", "Ġfeel", "Ġthe", "Ġm", "ag", "ic", ",", "Ġcan", "Ġyou", "?"]
    assert encoding.ids == [87, 324, 1272, 80, 74, 733, 357, 3, 324, 116, 8]
    assert AutoTokenizer.from_pretrained(folder)("I can feel the magic, can you?")["input_ids"] == encoding.ids
    assert tokenizer.decode(tokenizer.encode("Café ñ").ids) == " Caf "


def test_line_ends_matter(tmp_path, rij):
    lab = Lab(tmp_path / "runs", write_corpus(tmp_path / "corpus", [rij.replace("\r\n", "\n")]))
    lab.train("classic", **entries("romeo-and-juliet.yaml")["classic"].model_dump(exclude={"save"}))
    assert lab.headline["vocab_size"] == 2606


def test_as_tokenizer_train_on_the_file(tmp_path, rij):
    from tokenizers import decoders, models, pre_tokenizers, trainers

    (tmp_path / "rij.txt").write_bytes(rij.encode())
    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer, plain.decoder = pre_tokenizers.ByteLevel(add_prefix_space=True), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=20000, min_frequency=3, show_progress=False)
    plain.train([str(tmp_path / "rij.txt")], trainer)
    lab = Lab(tmp_path / "runs", write_corpus(tmp_path / "corpus", [rij]))
    trained = lab.train("classic", **entries("romeo-and-juliet.yaml")["classic"].model_dump(exclude={"save"}))
    assert Tokenizer.from_file(str(trained / "tokenizer.json")).get_vocab() == plain.get_vocab()


@pytest.mark.parametrize(
    "text,expected",
    [
        ("", []),
        ("a", ["a"]),
        ("a\n", ["a\n"]),
        ("a\r\nb\rc\n\n", ["a\r\n", "b\rc\n", "\n"]),
        ("x\x0by\u2028z\x85", ["x\x0by\u2028z\x85"]),
    ],
)
def test_lines_split_at_line_feeds_only(text, expected):
    assert split_lines(text) == expected


def test_recipe_of_all_kinds(lab):
    """It names every kind, and each of its entries trains (here on another corpus)."""
    found = entries("tokenizers.yaml")
    assert {entry.kind for entry in found.values()} == set(OPTIONS)
    for name in ("digits_apart", "sentencepiece_unigram"):
        settings = found[name].model_dump(exclude={"save"})
        if name == "digits_apart":
            settings["trainer"]["vocab_size"] = 700
            folder = lab.both(name, **settings)
            auto = AutoTokenizer.from_pretrained(folder)
            assert auto.decode(auto("Café in 1984!\n\n👍🏽")["input_ids"]) == "Café in 1984!\n\n👍🏽"
            assert [token for token in auto.tokenize("x 1984") if token in "1984"] == list("1984")
