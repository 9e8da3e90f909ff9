"""The same bytes in every process, whatever the order of the documents and the number of threads."""

from __future__ import annotations

import json

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from snakelm.train_tokenizer import reproducible
from tests import reproduce_tokenizers


def test_every_kind_in_fresh_processes():
    runs = [reproduce_tokenizers.in_fresh_process(number, 0.15, []) for number in range(3)]
    assert len(runs[0]) > 70 and reproduce_tokenizers.differing(runs) == []


def test_the_comparison_sees_a_difference():
    assert reproduce_tokenizers.differing([{"a": "1", "b": "2"}, {"a": "1", "b": "3"}, {"a": "1"}]) == ["b"]


LINES = ["low lower lowest newer newest wide wider widest tie eit iet xy yx zq"] * 3 + ["éa àb e\u0301c 0 a"]


def bpe(normalizer=None, **arguments) -> tuple[Tokenizer, trainers.BpeTrainer]:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.normalizer = normalizer
    arguments = {"vocab_size": 70, "special_tokens": ["<unk>"], "show_progress": False, **arguments}
    return tokenizer, trainers.BpeTrainer(end_of_word_suffix="</w>", **arguments)


def vocabulary(tokenizer: Tokenizer) -> list[str]:
    return [token for token, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])]


def test_order_of_ids_special_alphabet_forms_merges():
    tokenizer = reproducible.train(*bpe(), lambda: [LINES])
    tokens = vocabulary(tokenizer)
    characters = sorted(set("".join(LINES)) - {" "})
    ends = sorted({word[-1] + "</w>" for line in LINES for word in line.split()})
    assert tokens[: 1 + len(characters) + len(ends)] == ["<unk>", *characters, *ends]
    assert len(tokens) > 1 + len(characters) + len(ends)
    assert [token["content"] for token in json.loads(tokenizer.to_str())["added_tokens"]] == ["<unk>"]


def test_characters_that_only_normalization_of_the_whole_text_makes():
    """e + accent composes to é, and only é is in the alphabet."""
    tokenizer = reproducible.train(*bpe(normalizers.NFC()), lambda: [["e\u0301t o\u0308x " * 3]])
    assert {"é", "ö", "t</w>", "x</w>"} <= set(vocabulary(tokenizer))
    assert not {"e", "\u0301"} & set(vocabulary(tokenizer))


def test_limit_alphabet_keeps_the_most_frequent_ties_by_code_point():
    tokenizer = reproducible.train(*bpe(limit_alphabet=5), lambda: [["aaaa bbb cc d e f g h"]])
    assert [token for token in vocabulary(tokenizer) if len(token) == 1] == list("abcde")


def test_small_vocabulary_cuts_merges_where_the_trainer_would():
    small = json.loads(reproducible.train(*bpe(vocab_size=55), lambda: [LINES]).to_str())["model"]
    large = json.loads(reproducible.train(*bpe(vocab_size=70), lambda: [LINES]).to_str())["model"]
    assert large["merges"][: len(small["merges"])] == small["merges"] and len(small["vocab"]) == 55
    assert small["vocab"].items() <= large["vocab"].items()


def test_same_as_the_library_where_no_tie_decides():
    """Distinct frequencies throughout: nothing is left to chance, so the library must learn the very same merges."""
    words = {"aaaaaaab": 900, "cdcdcdcd": 500, "efg": 211, "efh": 97, "ijk": 41}
    text = [[" ".join([word] * count) for word, count in words.items()]]
    ours, (theirs, trainer) = reproducible.train(*bpe(vocab_size=35), lambda: text), bpe(vocab_size=35)
    theirs.train_from_iterator(text, trainer)
    assert json.loads(ours.to_str())["model"]["merges"] == json.loads(theirs.to_str())["model"]["merges"]
