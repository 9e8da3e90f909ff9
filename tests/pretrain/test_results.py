"""What a run leaves: best and last apart, comparable figures, samples, a model to go on from."""

from __future__ import annotations

import math

import pandas
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from snakelm.core.errors import UserError
from snakelm.pretrain.pretrain import pretrain
from snakelm.pretrain.stream import TokenStream
from tests.pretrain import lab

OVERFITS = {"steps": 60, "learning_rate": 0.02, "evaluation_steps": 5, "schedule": "constant"}


@pytest.fixture(scope="module")
def small(parents, tmp_path_factory):
    """Few training sentences, and validation sentences unlike them: soon the model knows the former too well."""
    root = tmp_path_factory.mktemp("small")
    other = [" ".join(reversed(text.split())) for text in lab.sentences(20, start=900)]
    corpus = lab.make_corpus(root / "corpus", lab.sentences(8), other)
    return parents | {"encoded": lab.encode(corpus, parents["tokenizer"], root / "encoded")}


def test_best_and_last_are_kept_apart(small, tmp_path):
    last = lab.job(tmp_path / "last", small, **OVERFITS)
    figures = pretrain(last)
    assert figures["best_step"] < 60 and figures["best_validation_loss"] < figures["validation_loss"]
    best = lab.job(tmp_path / "best", small, **OVERFITS, keep="best")
    best_figures = pretrain(best)
    assert best_figures["validation_loss"] == figures["best_validation_loss"]
    weights = {
        name: load_file(folder / "model.safetensors")["transformer.wte.weight"]
        for name, folder in {
            "last": last.out, "last/best": last.out / "best", "best": best.out, "best/last": best.out / "last",
        }.items()
    }  # fmt: skip
    assert weights["last"].equal(weights["best/last"]) and weights["best"].equal(weights["last/best"])
    assert not weights["last"].equal(weights["best"])
    assert AutoModelForCausalLM.from_pretrained(best.out).config.use_cache


def test_early_stopping_stops_after_so_many_evaluations_without_a_new_best(small, tmp_path):
    figures = pretrain(lab.job(tmp_path, small, **OVERFITS, patience=3))
    assert figures["steps"] == figures["best_step"] + 15 < 60


def test_bits_per_byte_count_the_bytes_of_the_text(parents, tmp_path):
    attempt = lab.job(tmp_path, parents, steps=4)
    figures = pretrain(attempt)
    held_out = TokenStream(parents["encoded"], "validation")
    expected = figures["validation_loss"] / math.log(2) * held_out.tokens / held_out.bytes
    assert figures["bits_per_byte"] == pytest.approx(expected)
    assert figures["perplexity"] == pytest.approx(math.exp(figures["validation_loss"]))
    curve = pandas.read_csv(attempt.out / "curve.tsv", sep="\t")
    assert list(curve.columns) == ["step", "tokens", "loss", "validation_loss", "bits_per_byte", "learning_rate"]
    assert curve.tokens.iloc[-1] == figures["tokens"] == 4 * 8 * 16
    speed = pandas.read_csv(attempt.out / "circumstance/speed.tsv", sep="\t")
    assert speed.step.tolist() == curve.step.tolist()
    assert {"tokens_per_second", "model_flops_per_second", "peak_memory_mb", "energy_wh_estimate"} <= set(attempt.times)


@pytest.mark.parametrize(
    ("keys", "prompt"),
    [
        ({}, "Anna reads"),
        ({"objective": "mlm", "architecture": "bert"}, "Anna <mask> a letter"),
        ({"objective": "span_denoising", "architecture": "t5"}, "Anna <mask> a letter"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_samples_are_given_for_prompts_and_without_them(keys, prompt, parents, tmp_path):
    for name, prompts in {"given": [prompt, ""], "own": []}.items():
        attempt = lab.job(tmp_path / name, parents, steps=2, prompts=prompts, sample_tokens=6, **keys)
        pretrain(attempt)
        text = (attempt.out / "samples.txt").read_text()
        assert text.count("⟶") >= (1 if prompts else 3)
        assert not prompts or text.startswith(prompt)


def test_training_goes_on_from_a_folder(parents, tmp_path):
    first = lab.job(tmp_path / "first", parents, steps=30)
    end = pretrain(first)
    further = lab.job(tmp_path / "further", parents, steps=5, init=str(first.out), learning_rate=1e-4)
    pretrain(further)
    assert pandas.read_csv(further.out / "curve.tsv", sep="\t").loss.iloc[0] < end["loss"] + 0.5
    assert str(first.out) not in (further.out / "config.json").read_text()
    other = lab.make_tokenizer(tmp_path / "other", extra=("<first>",))
    encoded = lab.encode(parents["corpus"], other, tmp_path / "encoded")
    with pytest.raises(UserError, match="was trained with another vocabulary .*; use its own tokenizer"):
        pretrain(lab.job(tmp_path / "odds", {"tokenizer": other, "encoded": encoded}, steps=5, init=str(first.out)))
    with pytest.raises(UserError, match="sequence_length 32 is longer than the 16 positions of"):
        pretrain(lab.job(tmp_path / "long", parents, steps=5, init=str(first.out), sequence_length=32))
    with pytest.raises(UserError, match="init: .*nowhere: no model can be loaded"):
        pretrain(lab.job(tmp_path / "none", parents, steps=5, init=str(tmp_path / "nowhere")))


def test_training_does_not_go_on_from_weights_that_are_partly_random(parents, tmp_path):
    first = lab.job(tmp_path / "first", parents, steps=2)
    pretrain(first)
    whole = load_file(first.out / "model.safetensors")
    body = sorted(name for name in whole if name.startswith("transformer.h"))
    kept = {name: tensor for name, tensor in whole.items() if name not in body}
    save_file(kept, first.out / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=f"{len(body)} of .* weights are not in the folder .*{body[0]}, .*random"):
        pretrain(lab.job(tmp_path / "missing", parents, steps=1, init=str(first.out)))
    misshapen = whole | {body[0]: torch.zeros(3)}
    save_file(misshapen, first.out / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=f"1 of .* weights have other shapes than config.json says .{body[0]}"):
        pretrain(lab.job(tmp_path / "misshapen", parents, steps=1, init=str(first.out)))


def test_training_goes_on_from_another_entry(parents, tmp_path):
    """The run of the entry is the parent `init`; the config names none."""
    first = lab.job(tmp_path / "first", parents, steps=30)
    end = pretrain(first)
    further = lab.job(tmp_path / "further", parents | {"init": first.out}, steps=5, init="entry", learning_rate=1e-4)
    pretrain(further)
    named = lab.job(tmp_path / "named", parents, steps=5, init=str(first.out), learning_rate=1e-4)
    pretrain(named)
    assert lab.content(further.out) == lab.content(named.out)
    assert pandas.read_csv(further.out / "curve.tsv", sep="\t").loss.iloc[0] < end["loss"] + 0.5
