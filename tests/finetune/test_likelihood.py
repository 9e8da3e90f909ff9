"""Likelihoods against the plainest computation of each, one token and one text at a time."""

from __future__ import annotations

import math

import pandas
import pytest
import torch
import transformers

from snakelm.finetune.predict import predict
from snakelm.tasks.config import task_types
from snakelm.tasks.data import TaskData
from snakelm.tasks.likelihood import Likelihood, word_numbers
from tests.finetune.lab import sentences

TEXTS = [text for text, _ in sentences(6, 1)]
AUTO = {"gpt2": ("decoder", "CausalLM"), "bert": ("encoder", "MaskedLM"), "t5": ("encoder-decoder", "Seq2SeqLM")}


def plainly(model, tokenizer, network: str, ids: list[int]) -> float:
    """Minus log-likelihood of the tokens of one text."""
    total = 0.0
    for place, token in enumerate(ids):
        if network == "decoder":
            given = torch.tensor([[tokenizer.eos_token_id, *ids[:place]]])
            logits = model(given).logits[0, -1]
        elif network == "encoder":
            masked = [*ids[:place], tokenizer.mask_token_id, *ids[place + 1 :]]
            given = torch.tensor([[tokenizer.cls_token_id, *masked, tokenizer.sep_token_id]])
            logits = model(given).logits[0, place + 1]
        else:
            source = torch.tensor([[tokenizer.mask_token_id, tokenizer.eos_token_id]])
            start = model.config.decoder_start_token_id
            said = torch.tensor([[start, tokenizer.mask_token_id, *ids[:place]]])
            logits = model(input_ids=source, decoder_input_ids=said).logits[0, -1]
        total -= logits.log_softmax(-1)[token].item()
    return total


@pytest.mark.parametrize("name", AUTO)
def test_likelihood_of_a_padded_batch(models, name):
    network, head = AUTO[name]
    tokenizer = transformers.AutoTokenizer.from_pretrained(models[name])
    model = getattr(transformers, f"AutoModelFor{head}").from_pretrained(models[name]).eval()
    scorer = Likelihood(tokenizer, network)
    ids = [tokenizer(text, add_special_tokens=False).input_ids for text in TEXTS]
    wrapped = [scorer.wrap(each) for each in ids]
    width = max(len(each) for each, _ in wrapped)
    pad = lambda rows, fill: torch.tensor([[*row, *([fill] * (width - len(row)))] for row in rows])  # noqa: E731
    batch = pad([each for each, _ in wrapped], tokenizer.pad_token_id)
    seen = pad([[1] * len(each) for each, _ in wrapped], 0)
    with torch.no_grad():
        got = scorer.nats(model, batch, seen, pad([flags for _, flags in wrapped], 0))
        want = [plainly(model, tokenizer, network, each) for each in ids]
    assert got.tolist() == pytest.approx(want, rel=1e-4)


@pytest.mark.parametrize("name", ["gpt2", "bert"])
def test_windows_score_every_token_once(models, name):
    network, head = AUTO[name]
    tokenizer = transformers.AutoTokenizer.from_pretrained(models[name])
    model = getattr(transformers, f"AutoModelFor{head}").from_pretrained(models[name]).eval()
    task = task_types.validate({"type": "language_modeling", "data": {"files": "x.txt"}, "stride": 5})
    frame = pandas.DataFrame({"row": range(3), "text": [" ".join(TEXTS * 3), TEXTS[0], "the"]})
    learner = task.learner()(task, TaskData({"test": frame}, None, {}), tokenizer, 24, network)
    features = learner.features(frame, "test")
    counts = [len(tokenizer(text, add_special_tokens=False).input_ids) for text in frame["text"]]
    assert len(features) >= 10 and max(map(len, features.columns["input_ids"])) == 24
    scored = [0] * 3
    for row, flags in zip(features.row, features.columns["scored"], strict=True):
        scored[row] += sum(flags)
    table, _ = predict(learner, model, features, frame)
    assert scored == counts == table["tokens"].tolist()
    short = plainly(model, tokenizer, network, tokenizer(TEXTS[0], add_special_tokens=False).input_ids)
    assert table["nats"].iloc[1] == pytest.approx(short, rel=1e-4)
    # An untrained model is nearly uniform: a token scored twice would show.
    assert table["nats"].iloc[0] == pytest.approx(counts[0] * math.log(len(tokenizer)), rel=0.1)


def test_words_of_tokens():
    text = " a rare-word\tb"
    offsets = [(0, 2), (2, 5), (5, 7), (7, 8), (8, 10), (10, 12), (13, 14)]
    # The tokenizer cuts at the hyphen, or nowhere: then whitespace does.
    assert word_numbers(text, offsets, [0, 1, 1, 2, 3, 3, 4]) == [0, 1, 1, 2, 3, 3, 4]
    assert word_numbers(text, offsets, [0] * 7) == [0, 1, 1, 1, 1, 1, 2]
    assert word_numbers(text, offsets, [None] * 7) == list(range(7)) and word_numbers("", [], []) == []
    assert word_numbers("é x", [(0, 1), (0, 1), (1, 3)], [0, 0, 1]) == [0, 0, 1]  # a character of two byte tokens


def pairs(models, name: str, good: list[str], bad: list[str], **keys) -> tuple:
    network, head = AUTO[name]
    tokenizer = transformers.AutoTokenizer.from_pretrained(models[name])
    model = getattr(transformers, f"AutoModelFor{head}").from_pretrained(models[name]).eval()
    task = task_types.validate({"type": "minimal_pairs", "test": {"files": "x.jsonl"}, **keys})
    frame = pandas.DataFrame({"row": range(len(good)), "good": good, "bad": bad, "phenomenon": "all"})
    learner = task.learner()(task, TaskData({"test": frame}, None, {}), tokenizer, 64, network)
    table, _ = predict(learner, model, learner.features(frame, "test"), frame)
    return table, model, tokenizer


RARE = ["the zxqv brilliantness of it", "zxqv, zxqv!", "the"]


def test_within_word_left_to_right(models):
    """Kauf and Ivanova 2023: when a token is predicted, the later tokens of its word are masked too."""
    table, model, tokenizer = pairs(models, "bert", RARE, TEXTS[:3], pseudo_likelihood="within_word_l2r")
    plain, *_ = pairs(models, "bert", RARE, TEXTS[:3])
    for text, nats, before in zip(RARE, table["nats_good"], plain["nats_good"], strict=True):
        encoded = tokenizer(text)
        ids, words = encoded.input_ids, encoded.word_ids()
        total = 0.0
        for place in range(1, len(ids) - 1):
            hidden = [at for at in range(place, len(ids)) if words[at] == words[place]]
            given = torch.tensor([[tokenizer.mask_token_id if at in hidden else token for at, token in enumerate(ids)]])
            with torch.no_grad():
                total -= model(given).logits[0, place].log_softmax(-1)[ids[place]].item()
        assert nats == pytest.approx(total, rel=1e-5)
        assert (nats == before) == (len(set(words)) == len(words) - 1)  # the two frames have no word
    causal, *_ = pairs(models, "gpt2", RARE, TEXTS[:3], pseudo_likelihood="within_word_l2r")
    assert causal.equals(pairs(models, "gpt2", RARE, TEXTS[:3])[0])


@pytest.mark.parametrize("name", AUTO)
def test_scores_by_token(models, name):
    longer = [f"{text} {text}" for text in TEXTS]
    plain, _, tokenizer = pairs(models, name, longer, TEXTS)
    table, *_ = pairs(models, name, longer, TEXTS, normalize="tokens")
    assert plain["prediction"].tolist() == [1] * len(TEXTS)  # the shorter one
    assert table[["nats_good", "nats_bad"]].equals(plain[["nats_good", "nats_bad"]])
    sizes = [[len(ids) for ids in tokenizer(texts, add_special_tokens=False).input_ids] for texts in (longer, TEXTS)]
    good, bad = table["nats_good"] / sizes[0], table["nats_bad"] / sizes[1]
    assert table["score"].tolist() == pytest.approx(abs(good - bad).tolist())
    assert table["prediction"].tolist() == (bad <= good).astype(int).tolist() != plain["prediction"].tolist()
