"""Ingredients of training (optimizer, weight decay, averages, order of the text): each resumes exactly."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from transformers import AutoModelForCausalLM

from snakelm.core.errors import UserError
from tests.pretrain import lab

KEYS = {"steps": 24, "dropout": 0.1, "micro_batch_size": 3, "checkpoint_steps": 5, "evaluation_steps": 8}
WAYS = {
    "muon": {"optimizer": "muon", "muon_learning_rate": 0.01},
    "weight decay": {"weight_decay": 0.5, "weight_decay_end": 0.0},
    "ema": {"ema_decay": 0.9, "keep": "average"},
    "documents": {"order": "documents", "sequence_length": 24},
    "z-loss": {"z_loss": 0.1},
    "tail, muon": {"average_last": 0.5, "optimizer": "muon"},
}


@pytest.mark.parametrize("way", WAYS)
def test_killed_and_resumed_is_the_same_bit_for_bit(way, parents, tmp_path):
    keys = KEYS | WAYS[way]
    whole = lab.job(tmp_path / "whole", parents, **keys)
    assert lab.run_in_process(whole)[0] == 0
    for at in [(7, 1), (17, 2)]:
        assert lab.run_in_process(lab.job(tmp_path / "cut", parents, **keys), at, lab.KILL)[0] == -lab.KILL
    resumed = lab.job(tmp_path / "cut", parents, **keys)
    assert lab.run_in_process(resumed)[0] == 0
    assert lab.content(resumed.out) == lab.content(whole.out)
    assert lab.headline(resumed) == lab.headline(whole)
    plain = lab.job(tmp_path / "plain", parents, **KEYS)
    assert lab.run_in_process(plain)[0] == 0
    assert lab.content(plain.out)["model.safetensors"] != lab.content(whole.out)["model.safetensors"]


def test_last_and_average_are_both_kept_and_both_judged(parents, tmp_path):
    """Here dropout is off, so the average of the last half of a falling loss is worse than the last weights."""
    keys = KEYS | {"dropout": 0.0, "average_last": 0.5}
    last = lab.job(tmp_path / "last", parents, **keys)
    average = lab.job(tmp_path / "average", parents, **keys, keep="average")
    for attempt in (last, average):
        assert lab.run_in_process(attempt)[0] == 0
    assert (last.out / "average/model.safetensors").read_bytes() == (average.out / "model.safetensors").read_bytes()
    assert (average.out / "last/model.safetensors").read_bytes() == (last.out / "model.safetensors").read_bytes()
    one, other = lab.headline(last), lab.headline(average)
    assert one["average_validation_loss"] == other["validation_loss"] > one["validation_loss"]
    assert AutoModelForCausalLM.from_pretrained(average.out).config.n_embd == 32


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"muon_learning_rate": 0.1}, "muon_learning_rate needs optimizer: muon"),
        ({"keep": "average"}, "keep: average needs ema_decay or average_last"),
        ({"ema_decay": 0.9, "average_last": 0.5}, "give one of ema_decay and average_last"),
        ({"weight_decay": 0, "weight_decay_end": 0.1}, "weight_decay_end needs a weight_decay above 0"),
        ({"optimizer": "lion"}, "optimizer"),
    ],
)
def test_what_does_not_go_together_is_refused(keys, message):
    with pytest.raises((UserError, ValidationError), match=message):
        lab.model(steps=1, **keys)
