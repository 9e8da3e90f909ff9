"""Every kind trains, saves and loads; statistics and files are what they claim to be."""

from __future__ import annotations

import json
import zipfile

import pytest
from tokenizers import Tokenizer, implementations
from transformers import AutoTokenizer

from snakelm.core.errors import UserError
from snakelm.train_tokenizer.components import build, known
from tests.train_tokenizer.lab import Lab, write_corpus

KINDS = {
    "byte_level_bpe": {"family": "roberta", "vocab_size": 700},
    "char_bpe": {"vocab_size": 400},
    "sentencepiece_bpe": {"vocab_size": 700, "family": "llama", "byte_fallback": True},
    "bert_wordpiece": {"vocab_size": 400},
    "sentencepiece_unigram": {"vocab_size": 600, "family": "t5"},
    "word_level": {"vocab_size": 200},
    "characters": {"vocab_size": 100},
    "bytes": {"family": "t5"},
    "custom": {
        "model": "BPE",
        "pre_tokenizer": "WhitespaceSplit",
        "trainer": {"type": "BpeTrainer", "vocab_size": 300},
    },
}
CLASSIC = {
    "bert_wordpiece": {"vocab.txt"},
    "sentencepiece_unigram": {"unigram.json"},
    "word_level": {"vocab.json"},
    "characters": {"vocab.json"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_kind_from_corpus_to_verified_folder(lab, kind):
    folder = lab.both(kind=kind, **KINDS[kind])
    assert lab.headline["strings_verified"] > 60
    names = {path.name for path in folder.iterdir()}
    own = {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}
    classic = CLASSIC.get(kind, {"vocab.json", "merges.txt"})
    assert names == own | classic | {"tok.zip", "statistics.json", "sample.html", "words.svg"}
    with zipfile.ZipFile(folder / "tok.zip") as archive:
        assert set(archive.namelist()) == own | classic
        assert all(archive.read(name) == (folder / name).read_bytes() for name in archive.namelist())
    auto = AutoTokenizer.from_pretrained(folder)
    size = KINDS[kind].get("vocab_size", 300 if kind == "custom" else 359)
    assert len(auto) <= size
    if kind not in ("characters", "custom"):
        assert len(auto) == size
    declared = json.loads((folder / "tokenizer.json").read_text())["added_tokens"]
    assert [token["id"] for token in declared] == list(range(len(declared)))
    assert all(token["special"] for token in declared)


def test_byte_kinds_come_back_whole(lab):
    for kind, settings in {"byte_level_bpe": {"vocab_size": 400}, "bytes": {}}.items():
        found = lab.statistics(lab.both(kind=kind, **settings))
        assert found.round_trip == 1 and found.characters_lost == 0 and found.unknown_rate == 0
        assert found.bytes_per_token >= 1 and found.split == "validation"


def test_characters_learns_every_character(tmp_path):
    """One that occurs once as well, unless the recipe says otherwise; words have to occur twice."""
    corpus = write_corpus(tmp_path / "corpus", ["abab words words Z"], ["abab"])
    lab = Lab(tmp_path / "runs", corpus)
    known = [
        AutoTokenizer.from_pretrained(lab.both(f"run-{number}", **keys)).get_vocab()
        for number, keys in enumerate(
            [{"kind": "characters"}, {"kind": "characters", "min_frequency": 2}, {"kind": "word_level"}]
        )
    ]
    assert "Z" in known[0] and "Z" not in known[1] and "Z" not in known[2] and "words" in known[2]


def test_byte_fallback_spells_unseen_characters(lab):
    for kind in ("sentencepiece_bpe", "sentencepiece_unigram"):
        auto = AutoTokenizer.from_pretrained(lab.both(kind=kind, vocab_size=700, byte_fallback=True))
        ids = auto("Ωmega", add_special_tokens=False)["input_ids"]
        assert "<0xCE>" in auto.convert_ids_to_tokens(ids)
        assert auto.decode(ids) == "Ωmega"


def test_trained_like_the_class_of_the_library(lab, corpus):
    """The library's own class on the same lines: the same vocabulary and ids where it is reproducible itself."""
    from snakelm.train_tokenizer.train import lines

    ours = Tokenizer.from_file(
        str(lab.train(kind="byte_level_bpe", vocab_size=600, trim_offsets=False) / "tokenizer.json")
    )
    theirs = implementations.ByteLevelBPETokenizer()
    theirs.train_from_iterator([line for batch in lines(corpus) for line in batch], vocab_size=600, min_frequency=2)
    parts = [json.loads(one.to_str()) for one in (ours, theirs)]
    for part in parts:
        del part["post_processor"]  # theirs trims the offsets of a first blank wrongly
    assert parts[0] == parts[1]


@pytest.mark.parametrize(
    "kind,implementation",
    [("char_bpe", "CharBPETokenizer"), ("bert_wordpiece", "BertWordPieceTokenizer")],
)
def test_same_parts_and_nearly_the_same_pieces_as_the_library(lab, corpus, kind, implementation):
    from snakelm.train_tokenizer.train import lines

    ours = Tokenizer.from_file(str(lab.train(kind=kind, vocab_size=500) / "tokenizer.json"))
    theirs = getattr(implementations, implementation)()
    theirs.train_from_iterator([line for batch in lines(corpus) for line in batch], vocab_size=500, show_progress=False)
    parts = [json.loads(one.to_str()) for one in (ours, theirs)]
    for part in ("normalizer", "pre_tokenizer", "decoder"):
        assert parts[0][part] == parts[1][part]
    assert [token["content"] for token in parts[0]["added_tokens"]] == [
        token["content"] for token in parts[1]["added_tokens"]
    ] or kind == "char_bpe"  # CharBPETokenizer does not declare its unk token after training
    vocabularies = [one.get_vocab() for one in (ours, theirs)]
    assert len(vocabularies[0]) == len(vocabularies[1]) == 500
    assert len(vocabularies[0].keys() & vocabularies[1].keys()) > 450  # ties only


def test_line_ends_and_classic_files_of_the_sentencepiece_kind(lab):
    """Line ends become blanks, as in SentencePiece: tokens with line ends could not be written to merges.txt."""
    tokenizer = Tokenizer.from_file(str(lab.train(kind="sentencepiece_bpe", vocab_size=400) / "tokenizer.json"))
    assert not any("\n" in token for token in tokenizer.get_vocab())


def test_classic_files_are_left_out_where_they_cannot_hold_the_tokens(lab, caplog):
    settings = {"model": "BPE", "trainer": {"type": "BpeTrainer", "vocab_size": 300}}
    with caplog.at_level("WARNING", logger="snakelm"):
        folder = lab.both(kind="custom", **settings)  # no pre-tokenizer: tokens run across blanks
    assert not (folder / "merges.txt").exists() and not (folder / "vocab.json").exists()
    assert "merges.txt left out" in caplog.text
    assert len(AutoTokenizer.from_pretrained(folder)) == 300


def test_custom_model_takes_the_declared_unk_token(lab):
    folder = lab.both(kind="custom", model="WordLevel", pre_tokenizer="Whitespace", special_tokens=["[UNK]"])
    assert AutoTokenizer.from_pretrained(folder)("zzzzzz")["input_ids"] == [0]


def test_dropout_is_kept_but_does_not_upset_the_verification(lab):
    folder = lab.both(kind="byte_level_bpe", vocab_size=600, dropout=0.5)
    assert json.loads((folder / "tokenizer.json").read_text())["model"]["dropout"] == 0.5


def test_a_template_for_pairs_alone(lab):
    special = ["<s>", "</s>"]
    folder = lab.train(kind="byte_level_bpe", vocab_size=400, special_tokens=special, template_pair="$A </s> $B:1")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert tokenizer.encode("a", "b").tokens == ["a", "</s>", "b"] and tokenizer.encode("a").tokens == ["a"]


@pytest.mark.parametrize(
    "role,step",
    [
        ("decoder", "Metaspace"),
        ("post_processor", {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls_token": ["[CLS]", 2]}),
        ("post_processor", {"type": "RobertaProcessing", "sep": ["[SEP]", 3], "cls_token": ["[CLS]", 2]}),
        ("post_processor", {"type": "TemplateProcessing", "single": "[CLS] $A", "special_tokens": [["[CLS]", 2]]}),
        (
            "post_processor",
            {"type": "TemplateProcessing", "single": "[CLS] $A [SEP]", "special_tokens": [["[CLS]", 2], ["[SEP]", 3]]},
        ),
        ("model", {"type": "Unigram", "vocab": [["a", -1.5], ["b", -2]], "unk_id": 0}),
        ("model", {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}),
        ("trainer", {"type": "BpeTrainer", "initial_alphabet": ["a", "b"]}),
    ],
)
def test_components_take_what_yaml_can_write(role, step):
    assert type(build(role, step, "here")).__name__ == (step if isinstance(step, str) else step["type"])


@pytest.mark.parametrize("role", ["normalizer", "pre_tokenizer", "model", "decoder", "post_processor", "trainer"])
def test_every_component_says_what_it_takes(role):
    for name in known(role):
        with pytest.raises(UserError, match=f"here: {name} has no argument 'nonsense'"):
            build(role, {"type": name, "nonsense": 1}, "here")
