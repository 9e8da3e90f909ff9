"""What is hidden and what is labelled: counts, reproducibility, whole words, spans, rates, order of the text."""

from __future__ import annotations

import numpy as np
import pytest
from transformers import AutoTokenizer

from snakelm.core.errors import UserError
from snakelm.pretrain.config import ModelConfig
from snakelm.pretrain.stream import TokenStream
from snakelm.training.sampling import Samples
from tests.pretrain import lab


@pytest.fixture(scope="module")
def tokenizer(parents):
    return AutoTokenizer.from_pretrained(parents["tokenizer"])


@pytest.fixture(scope="module")
def stream(parents):
    return TokenStream(parents["encoded"], "train")


def config(**keys) -> ModelConfig:
    values = {"architecture": "roberta", "objective": "mlm", "steps": 10} | keys
    return lab.model(**values)


def masked(tokenizer, stream, samples=None, **keys):
    return config(**keys).batches(tokenizer, stream, samples)


def test_masks_depend_on_seed_epoch_and_position_alone(tokenizer, stream):
    first, again = masked(tokenizer, stream), masked(tokenizer, stream)
    again.read(3, 0, 1), again.read(5, 7, 7)  # what was drawn before does not matter
    for name, value in first.read(2, 1, 5).items():
        np.testing.assert_array_equal(value, again.read(2, 1, 5)[name])
    places = [first.read(2, epoch, 5)["positions"].tolist() for epoch in range(6)]
    assert len({tuple(place) for place in places}) > 3
    assert masked(tokenizer, stream, seed=9).read(2, 1, 5)["positions"].tolist() != places[1]


def test_the_split_of_masked_tokens_is_as_asked(tokenizer, stream):
    keys = {"masking_rate": 0.5, "masking_split": (0.6, 0.3, 0.1), "sequence_length": 32}
    objective = masked(tokenizer, stream, **keys)
    counts = np.zeros(3)
    for position in range(600):
        row = position % objective.rows
        plain, sample = stream.ids(row * 32, 32), objective.read(row, 0, position)
        at = sample["positions"]
        np.testing.assert_array_equal(sample["labels"], plain[at])
        assert not np.isin(plain[at], tokenizer.all_special_ids).any(), "special tokens are never masked"
        rest = np.setdiff1d(np.arange(32), at)
        np.testing.assert_array_equal(sample["ids"][rest], plain[rest])
        became, kept = sample["ids"][at] == tokenizer.mask_token_id, sample["ids"][at] == plain[at]
        counts += became.sum(), (~became & ~kept).sum(), kept.sum()
        assert len(at) == 16
    np.testing.assert_allclose(counts / counts.sum(), (0.6, 0.3, 0.1), atol=0.02)


def test_whole_words_are_hidden_together(tokenizer, stream):
    objective = masked(tokenizer, stream, whole_words=True, sequence_length=32)
    hidden = []
    for position in range(200):
        row = position % objective.rows
        starts, at = stream.word_starts(row * 32, 32), set(objective.read(row, 0, position)["positions"])
        ids = stream.ids(row * 32, 32)
        words = np.split(np.arange(32), np.flatnonzero(starts)[1:])
        for word in words:
            ordinary = {place for place in word if ids[place] not in tokenizer.all_special_ids}
            assert ordinary <= at or not ordinary & at
        hidden.append(len(at) / 32)
    assert any(len(word) > 1 for word in words), "the text must have words of several tokens"
    assert abs(np.mean(hidden) - 0.3) < 0.03


def test_the_masking_rate_follows_its_schedule(tokenizer, stream):
    objective = masked(tokenizer, stream, samples=100, masking_rate=0.5, masking_rate_end=0.125)
    counts = [len(objective.read(0, 0, position)["positions"]) for position in (0, 50, 100)]
    assert counts == [8, 5, 2]


def test_evaluation_masks_at_15_percent_whatever_the_training_does(tokenizer, stream):
    one = config(masking_rate=0.6, seed=4, whole_words=True).for_evaluation().batches(tokenizer, stream)
    other = config().for_evaluation().batches(tokenizer, stream)
    assert len(one.read(1, 0, 1)["positions"]) == 2  # round(0.15 * 16)
    for name, value in one.read(1, 0, 1).items():
        np.testing.assert_array_equal(value, other.read(1, 0, 1)[name])


def test_next_token_labels_are_the_text_one_further(tokenizer, stream):
    objective = config(architecture="gpt2", objective="clm").batches(tokenizer, stream)
    batch = objective.collate([objective.read(row, 0, 0) for row in range(objective.rows)])
    assert batch["input_ids"].shape == (objective.rows, 16)
    text = stream.ids(0, objective.rows * 16 + 1)
    np.testing.assert_array_equal(batch["input_ids"].flatten(), text[:-1])
    np.testing.assert_array_equal(batch["labels"], text[1:])
    assert objective.rows == (stream.tokens - 1) // 16, "every token but a last partial sequence is read"


@pytest.mark.parametrize("extra", [(), tuple(f"<extra_id_{n}>" for n in range(8))], ids=["mask", "sentinels"])
def test_spans_and_what_is_left_make_up_the_text(extra, stream, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(lab.make_tokenizer(tmp_path, extra=extra))
    objective = config(architecture="t5", objective="span_denoising").batches(tokenizer, stream)
    for position in range(50):
        sample = objective.read(1, 0, position)
        source, target = sample["ids"].tolist(), sample["labels"].tolist()
        assert source[-1] == target[-1] == tokenizer.eos_token_id
        sentinels = set(objective.sentinels.tolist())
        spans: list[list[int]] = []
        for token in target[:-1]:
            if token in sentinels:
                spans.append([])
            else:
                spans[-1].append(token)
        rebuilt = [t for token in source[:-1] for t in (spans.pop(0) if token in sentinels else [token])]
        assert rebuilt == stream.ids(16, 16).tolist()
        assert len(source) == 16 - 5 + 2 + 1 and len(target) == 5 + 2 + 1
    batch = objective.collate([objective.read(row, 0, row) for row in range(3)])
    assert batch["decoder_input_ids"][:, 1:].tolist() == [row[:-1] for row in batch["labels"].view(3, -1).tolist()]


def test_too_few_sentinels_are_refused(stream, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(lab.make_tokenizer(tmp_path, extra=("<extra_id_0>",)))
    with pytest.raises(UserError, match="up to 2 spans, and the tokenizer has only 1 sentinels"):
        config(architecture="t5", objective="span_denoising").batches(tokenizer, stream)


def test_each_epoch_reads_every_row_once_in_an_order_of_its_own():
    samples = Samples(10, lambda row, epoch, position: row, seed=3, length=30)
    epochs = [[samples[epoch * 10 + position] for position in range(10)] for epoch in range(3)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
