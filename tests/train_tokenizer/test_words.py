"""Counting the words of a text piece by piece gives what the library gives on whole lines, and merging shows itself."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from contextlib import nullcontext

import pytest
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from snakelm.core import console
from snakelm.train_tokenizer import words
from snakelm.train_tokenizer.config import TokenizerConfig
from snakelm.train_tokenizer.kinds import untrained
from snakelm.train_tokenizer.merging import shown
from snakelm.train_tokenizer.train import split_lines
from tests import reproduce_tokenizers

SAFE = ("byte_level_bpe", "char_bpe", "sentencepiece_bpe", "bert_wordpiece", "sentencepiece_unigram", "word_level")
UGLY = "ab  cdé \u0301\u3000\t\r\n.,'-  \u200d\u2581ﬁ´\u00a0Σσς👍中文1２\x00\x01\u2028ǅ\u0950\u094d\u1680\ufeff\ufffd"


def ugly_lines(seed: int) -> list[str]:
    """Random strings of troublesome characters, between plain ones that repeat themselves."""
    draw = random.Random(seed)
    plain = ["The cat's on the mat, twice.\n", "It didn't mind: 12 times!\r\n", "a b\n", "the end"]
    texts = ["".join(draw.choice(UGLY) for _ in range(draw.randrange(40))) + draw.choice(plain) for _ in range(400)]
    texts += [draw.choice(plain) for _ in range(4000)]
    draw.shuffle(texts)
    return [line for text in texts for line in split_lines(text)]


def by_library(tokenizer: Tokenizer, lines: list[str]) -> dict[str, int]:
    counter = Tokenizer(models.WordLevel(unk_token=""))
    if tokenizer.normalizer is not None:
        counter.normalizer = tokenizer.normalizer
    counter.pre_tokenizer = tokenizer.pre_tokenizer
    trainer = trainers.WordLevelTrainer(vocab_size=0, show_progress=False)
    counter.train_from_iterator([lines], trainer)
    return json.loads(trainer.__getstate__())["WordLevelTrainer"]["words"]


@pytest.mark.parametrize(
    ("kind", "options"),
    [(kind, {}) for kind in SAFE]
    + [
        ("byte_level_bpe", {"add_prefix_space": True}),
        ("sentencepiece_bpe", {"add_prefix_space": False}),
        ("char_bpe", {"split_on_whitespace_only": True, "unicode_normalizer": "nfkd"}),
        ("word_level", {"strip_accents": True, "lowercase": True}),
    ],
)
def test_the_same_counts_as_the_library(kind, options):
    tokenizer, _ = untrained(TokenizerConfig.model_validate({"corpus": "text", "kind": kind, **options}), "test")
    for seed in range(5):
        lines = ugly_lines(seed)
        found, others = words._chunks(lines)
        assert found and others, "both ways must be taken"
        assert words.count_words(tokenizer, lambda lines=lines: [lines], 2) == by_library(tokenizer, lines)


@pytest.mark.parametrize(
    ("normalizer", "pre_tokenizer", "line"),
    [
        ("StripAccents", "ByteLevel", "a \u0301 \u0301 b\n"),
        ({"type": "BertNormalizer"}, "ByteLevel", "a 中 中 b\n"),
        ("StripAccents", {"type": "Metaspace", "prepend_scheme": "first"}, "\u0301a b\n"),
        (
            ["StripAccents", {"type": "Replace", "pattern": {"regex": " {2,}"}, "content": " "}],
            "Metaspace",
            "a \u0301 b\n",
        ),
    ],
)
def test_the_same_counts_where_normalizing_makes_or_removes_what_stands_between_blanks(normalizer, pre_tokenizer, line):
    config = {"corpus": "text", "kind": "custom", "model": "BPE"}
    config |= {"normalizer": normalizer, "pre_tokenizer": pre_tokenizer}
    tokenizer, _ = untrained(TokenizerConfig.model_validate(config), "test")
    lines = [line] * 2 + ["to be or not to be\n"] * 50
    assert words.count_words(tokenizer, lambda: [lines]) == by_library(tokenizer, lines)


@pytest.mark.parametrize("text", ["", "\n", " ", "one\n", "中文没有空格的文字一二三四五六七八九十\n" * 3])
def test_text_that_is_small_or_has_no_blanks(text):
    tokenizer, _ = untrained(TokenizerConfig(corpus="text", kind="bert_wordpiece"), "test")
    lines = split_lines(text)
    assert words.count_words(tokenizer, lambda: [lines]) == by_library(tokenizer, lines)


def test_what_may_see_across_a_space_is_left_to_the_library():
    tokenizer = Tokenizer(models.BPE())
    for normalizer, pre_tokenizer, splits in [
        (None, pre_tokenizers.WhitespaceSplit(), True),
        (None, None, False),
        (None, pre_tokenizers.ByteLevel(use_regex=False), False),
        (None, pre_tokenizers.Split(Regex("a b"), "isolated"), False),
        (None, pre_tokenizers.Metaspace(split=False), False),
        (None, pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits()]), True),
        (None, pre_tokenizers.Sequence([pre_tokenizers.Digits(), pre_tokenizers.ByteLevel()]), False),
        (normalizers.Replace("a b", "c"), pre_tokenizers.Whitespace(), False),
        (normalizers.Sequence([normalizers.NFC(), normalizers.Strip()]), pre_tokenizers.Whitespace(), False),
    ]:
        tokenizer = Tokenizer(models.BPE())
        if normalizer is not None:
            tokenizer.normalizer = normalizer
        if pre_tokenizer is not None:
            tokenizer.pre_tokenizer = pre_tokenizer
        assert words.splits_at_spaces(tokenizer) is splits, (normalizer, pre_tokenizer)


def test_scripts_without_blanks_do_not_pay():
    repeating = [["to be or not to be\n"] * 50] * 3
    pays, text = words.repeats_itself(lambda: iter(repeating))
    assert pays and [line for batch in text() for line in batch] == repeating[0] * 3
    other = [["没有空格的文字" + chr(0x4E00 + n) + "\n" for n in range(50)]]
    pays, text = words.repeats_itself(lambda: iter(other))
    assert not pays and list(text()) == other


@pytest.mark.parametrize("kind", ["byte_level_bpe", "bert_wordpiece"])
def test_merging_shows_itself_and_changes_nothing(kind, capfd, monkeypatch):
    monkeypatch.setattr(console.Progress.__init__, "__defaults__", (None, "", 0.0))
    console.set_up("train_tokenizer", None)
    config = TokenizerConfig(corpus="text", kind=kind, vocab_size=600, family="bert")
    lines = split_lines(reproduce_tokenizers.documents(0.05)[0])
    results = []
    for watch in (False, True):
        tokenizer, trainer = untrained(config, "test")
        trainer.min_frequency = 0
        with shown(trainer) if watch else nullcontext(trainer) as watched:
            if watch:
                print("said meanwhile", file=sys.__stderr__, flush=True)
            tokenizer.train_from_iterator([lines], watched)
        results.append(tokenizer.get_vocab_size())
    said = capfd.readouterr().err
    assert results[0] == results[1] == 600
    assert "said meanwhile" in said and '{"stage"' not in said
    if kind == "byte_level_bpe":
        assert "merging: 339 of 339 merges" in said
    else:
        assert re.search(r"merging: \d+ of 595 merges", said)


def merge_some(watched: trainers.BpeTrainer) -> int:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.train_from_iterator([["to be or not to be"]], watched)
    return tokenizer.get_vocab_size()


def test_log_lines_go_past_the_pipe_whose_reader_writes_them():
    """Else the reader waits for itself as soon as the pipe is full when it has something to say."""
    console.set_up("train_tokenizer", None)
    (log,), before = console.log.handlers, sys.stderr
    with shown(trainers.BpeTrainer(show_progress=False)):
        assert log.stream is sys.stderr is not before
    assert log.stream is sys.stderr is before


def test_what_runs_into_a_line_of_progress_is_passed_on(capfd):
    with shown(trainers.BpeTrainer(show_progress=False)) as watched:
        os.write(2, b'{"stage":"Compute merges","current":1,"total":3}and this\n')
        assert merge_some(watched) > 10
    assert "and this\n" in capfd.readouterr().err


@pytest.mark.parametrize("stderr", ["None", "os.close(2)", "sys.stderr.close()", "os.dup2(os.open('/dev/full', 1), 2)"])
def test_merging_needs_no_standard_error(stderr):
    lines = [
        "import os, sys",
        "from tokenizers import trainers",
        "from tests.train_tokenizer.test_words import merge_some, shown",
        f"sys.stderr = {stderr}" if stderr == "None" else stderr,
        "with shown(trainers.BpeTrainer(show_progress=False)) as watched:",
        "    watched.vocab_size = 20",
        "    print(merge_some(watched))",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert done.stdout.strip().isdigit(), done
