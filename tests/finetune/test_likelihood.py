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
from snakelm.tasks.likelihood import Likelihood
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
