"""What goes wrong, and what the user is told: one line that says what to do."""

from __future__ import annotations

import pretrain_lab as lab
import pytest
from pydantic import ValidationError
from snakelm.errors import UserError
from snakelm.pretrain.config import ModelConfig, check
from snakelm.pretrain.pretrain import pretrain
from transformers import AutoModelForCausalLM


def test_out_of_memory_halves_the_micro_batch_and_goes_on_at_the_same_batch(parents, tmp_path):
    keys = {"steps": 2, "batch_size": 256, "sequence_length": 128}
    plenty = lab.job(tmp_path / "plenty", parents, **keys)
    assert lab.run_in_process(plenty)[0] == 0
    scarce = lab.job(tmp_path / "scarce", parents, **keys)
    code, said = lab.run_in_process(scarce, (1, 0), spare_mb=130)
    assert code == 0, said
    assert "out of memory at step 1: going on with micro_batch_size 128 (it was 256); the batch stays 256" in said
    expected, got = lab.headline(plenty), lab.headline(scarce)
    assert got["steps"] == 2 and got["loss"] == pytest.approx(expected["loss"], rel=1e-5)


def test_out_of_memory_with_one_sequence_says_what_would_fit(parents, tmp_path):
    keys = {"steps": 2, "batch_size": 1, "sequence_length": 512, "hidden_size": 512, "layers": 4}
    code, said = lab.run_in_process(lab.job(tmp_path, parents, **keys), (0, 0), spare_mb=1)
    assert code == 1
    assert "out of memory with one sequence per forward pass; shorten sequence_length" in said


def test_a_loss_that_is_no_number_stops_the_run_and_the_last_good_checkpoint_stays(parents, tmp_path):
    keys = {"steps": 30, "learning_rate": 1e30, "warmup": 4, "checkpoint_steps": 1, "max_grad_norm": 0}
    code, said = lab.run_in_process(lab.job(tmp_path, parents, **keys))
    assert code == 1
    assert "the loss is no longer a number at step" in said and "lower learning_rate" in said
    kept = sorted((tmp_path / "work/checkpoints").glob("checkpoint-*"))
    assert kept and str(kept[-1]) in said
    weights = AutoModelForCausalLM.from_pretrained(kept[-1]).state_dict()
    assert all(tensor.isfinite().all() for tensor in weights.values())


def test_a_diverging_loss_stops_the_run(parents, tmp_path):
    with pytest.raises(UserError, match="the loss diverges .* lower learning_rate"):
        pretrain(lab.job(tmp_path, parents, steps=60, learning_rate=30.0, max_grad_norm=0, warmup=0))


def test_a_text_shorter_than_one_sequence_is_refused(parents, tmp_path):
    with pytest.raises(UserError, match="fewer than one sequence of 4096; shorten sequence_length"):
        pretrain(lab.job(tmp_path, parents, steps=1, sequence_length=4096))


def test_a_text_without_validation_trains_but_has_no_best(parents, tmp_path):
    corpus = lab.make_corpus(tmp_path / "corpus", lab.sentences(20))
    encoded = lab.encode(corpus, parents["tokenizer"], tmp_path / "encoded")
    without = parents | {"encoded": encoded}
    headline = pretrain(lab.job(tmp_path / "run", without, steps=2))
    assert "validation_loss" not in headline and headline["loss"] > 0
    with pytest.raises(UserError, match="keep: best and patience need a validation split"):
        pretrain(lab.job(tmp_path / "best", without, steps=2, keep="best"))


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({}, "give exactly one budget: tokens, epochs, steps or minutes (none given)"),
        ({"steps": 1, "tokens": 5}, "(tokens and steps given)"),
        ({"steps": 1, "masking_split": (0.5, 0.1, 0.1)}, "three shares that sum to 1"),
        ({"steps": 1, "batch_tokens": 9}, "batch_tokens (9) is less than one sequence (16 tokens)"),
        ({"steps": 1, "whole_words": True}, "whole_words is for objective mlm, not clm"),
        ({"steps": 1, "trunk_every": 5}, "trunk_every needs schedule: wsd; warmup in steps"),
        ({"steps": 1, "training_arguments": {"seed": 1}}, "training_arguments.seed: it is set by the key seed"),
        ({"minutes": 1, "masking_rate_end": 0.2}, "masking_rate_end needs a budget in tokens, epochs or steps"),
    ],
    ids=lambda value: "",
)
def test_contradictions_in_the_recipe_are_one_line(keys, says):
    with pytest.raises(ValidationError) as error:
        ModelConfig(**{**lab.TINY, **keys})
    assert says in str(error.value)


def test_counts_are_read_as_people_write_them():
    read = {text: ModelConfig(**lab.TINY, tokens=text).tokens for text in ("1e9", "300k", "10M", "2B", "1_000")}
    assert read == {"1e9": 10**9, "300k": 300_000, "10M": 10**7, "2B": 2 * 10**9, "1_000": 1000}


def test_what_needs_a_validation_split_is_said_when_the_recipe_is_read():
    model = ModelConfig(**lab.TINY, steps=1, keep="best")
    assert check(model, ("train",)) == [
        "keep: best needs a validation split, and corpus c holds none out; set its split"
    ]
    assert check(model, ("train", "validation")) == check(model, None) == []
