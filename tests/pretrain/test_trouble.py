"""What goes wrong, and what the user is told: one line that says what to do."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from snakelm.core.errors import UserError
from snakelm.pretrain.config import check
from snakelm.pretrain.pretrain import pretrain
from snakelm.recipe.loading import load
from tests.pretrain import lab


def test_out_of_memory_halves_the_micro_batch_and_goes_on_at_the_same_batch(parents, tmp_path):
    keys = {"steps": 2, "batch_size": 256, "sequence_length": 128}
    plenty = lab.job(tmp_path / "plenty", parents, **keys)
    assert lab.run_in_process(plenty)[0] == 0
    scarce = lab.job(tmp_path / "scarce", parents, **keys)
    code, said = lab.run_in_process(scarce, (1, 0), spare_mb=130)
    assert code == 0, said
    assert "out of memory at step 1: continuing with micro_batch_size 128 (it was 256); the batch stays 256" in said
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
    assert "the loss is NaN or infinite at step" in said and "lower learning_rate" in said
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


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (
            {"config": {"n_positions": 12}},
            "sequence_length 16 is longer than the 12 positions of gpt2; shorten it or set positions",
        ),
        (
            {"architecture": "roberta", "objective": "mlm", "config": {"max_position_embeddings": 16}},
            "sequence_length 16 is longer than the 14 positions of roberta",
        ),
        (
            {"architecture": "bart", "objective": "span_denoising", "span_length": 1.0, "positions": 16},
            r"sequence_length 16 \(spans and sentinels included: 17\) is longer than the 16 positions of bart",
        ),
        (
            {"architecture": "stablelm", "hidden_size": 48, "heads": 4},
            "architecture stablelm cannot be computed at these sizes: .*; set what it needs under config:",
        ),
    ],
    ids=["scratch", "offset", "spans", "rotary"],
)
def test_a_model_that_cannot_read_the_sequences_is_refused_before_training(keys, says, parents, tmp_path):
    with pytest.raises(UserError, match=says):
        pretrain(lab.job(tmp_path, parents, steps=2, **keys))


@pytest.mark.parametrize("keys", [{"span_length": 1.0}, {"sequence_length": 8}, {"masking_rate": 0.5}], ids=str)
def test_sequences_of_short_spans_fit_the_positions(keys, parents, tmp_path):
    pretrain(lab.job(tmp_path, parents, steps=2, architecture="bart", objective="span_denoising", **keys))


def test_less_text_than_a_batch_and_less_validation_than_a_sequence_train_nevertheless(parents, tmp_path):
    corpus = lab.make_corpus(tmp_path / "corpus", ["Anna reads a letter to the river in 1800."], ["Otto", ""])
    little = parents | {"encoded": lab.encode(corpus, parents["tokenizer"], tmp_path / "encoded")}
    for objective, architecture in (("clm", "gpt2"), ("mlm", "bert"), ("span_denoising", "t5")):
        keys = {"objective": objective, "architecture": architecture, "sequence_length": 8, "epochs": 1}
        headline = pretrain(lab.job(tmp_path / objective, little, **keys, micro_batch_size=3))
        assert headline["steps"] == 1 and headline["epochs"] > 1 and "validation_loss" not in headline


def test_masked_text_of_unknown_tokens_alone_has_nothing_to_learn_but_does_no_harm(parents, tmp_path):
    vocabulary = {token: number for number, token in enumerate(["[UNK]", "[MASK]", "[PAD]", "a"])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {"unk_token": "[UNK]", "mask_token": "[MASK]", "pad_token": "[PAD]"}
    PreTrainedTokenizerFast(tokenizer_object=backend, **special).save_pretrained(tmp_path / "tokenizer")
    corpus = lab.make_corpus(tmp_path / "corpus", ["b c d e f g h i " * 20 + "a " * 16])
    encoded = lab.encode(corpus, tmp_path / "tokenizer", tmp_path / "encoded")
    unknown = {"tokenizer": tmp_path / "tokenizer", "encoded": encoded}
    keys = {"objective": "mlm", "architecture": "bert", "batch_size": 2, "steps": 12}
    assert pretrain(lab.job(tmp_path / "run", unknown, **keys))["loss"] >= 0


def test_a_text_without_validation_trains_but_has_no_best(parents, tmp_path):
    corpus = lab.make_corpus(tmp_path / "corpus", lab.sentences(20))
    encoded = lab.encode(corpus, parents["tokenizer"], tmp_path / "encoded")
    without = parents | {"encoded": encoded}
    headline = pretrain(lab.job(tmp_path / "run", without, steps=2))
    assert "validation_loss" not in headline and headline["loss"] > 0
    with pytest.raises(UserError, match="keep: best and patience need a validation split"):
        pretrain(lab.job(tmp_path / "best", without, steps=2, keep="best"))


MASKED = {"objective": "mlm", "architecture": "bert"}


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({}, "give exactly one budget: tokens, epochs, steps or minutes (none given)"),
        ({"steps": 1, "tokens": 5}, "(tokens and steps given)"),
        ({"steps": 1, "masking_split": (0.5, 0.1, 0.1)} | MASKED, "three shares that sum to 1"),
        ({"steps": 1, "batch_tokens": 9}, "batch_tokens (9) is less than one sequence (16 tokens)"),
        ({"steps": 1, "objective": "mlm"}, "gpt2 cannot be trained with objective mlm, which trains an encoder"),
        ({"steps": 1, "objective": "mml"}, "unknown objective 'mml'; did you mean mlm"),
        ({"steps": 1, "trunk_every": 5}, "trunk_every needs schedule: wsd; warmup in steps"),
        ({"steps": 1, "training_arguments": {"seed": 1}}, "training_arguments.seed: it is set by the key seed"),
        (
            {"minutes": 1, "masking_rate_end": 0.2} | MASKED,
            "masking_rate_end needs a budget in tokens, epochs or steps",
        ),
    ],
    ids=lambda value: "",
)
def test_contradictions_in_the_recipe_are_one_line(keys, says):
    with pytest.raises(ValueError) as error:
        lab.model(**keys)
    assert says in str(error.value)


def test_a_key_of_another_objective_is_refused_with_the_name_of_that_objective(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    model = "corpus: c, tokenizer: t, steps: 1, whole_words: true, masking_rate: 0.4"
    recipe.write_text(f"corpora: {{c: {{files: a.txt}}}}\ntokenizers: {{t: {{corpus: c}}}}\nmodels: {{m: {{{model}}}}}")
    with pytest.raises(UserError) as error:
        load([recipe])
    assert f"{recipe}: models.m.whole_words: is a key of objective mlm alone" in error.value.lines
    assert f"{recipe}: models.m.masking_rate: is a key of objective mlm and span_denoising alone" in error.value.lines


def test_counts_are_read_as_people_write_them():
    read = {text: lab.model(tokens=text).tokens for text in ("1e9", "300k", "10M", "2B", "1_000")}
    assert read == {"1e9": 10**9, "300k": 300_000, "10M": 10**7, "2B": 2 * 10**9, "1_000": 1000}


def test_what_needs_a_validation_split_is_said_when_the_recipe_is_read():
    model = lab.model(steps=1, keep="best")
    assert check(model, ("train",)) == [
        "keep: best needs a validation split, and corpus c holds none out; set its split"
    ]
    assert check(model, ("train", "validation")) == check(model, None) == []


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"architecture": "xlnet", "config": {"attn_type": "bi"}}, "xlnet sees the tokens that objective clm has it"),
        (MASKED | {"config": {"is_decoder": True}}, "bert does not see the tokens after the hidden ones"),
    ],
)
def test_a_network_that_looks_the_wrong_way_for_its_objective_is_refused(keys, message, parents, tmp_path):
    with pytest.raises(UserError, match=message):
        pretrain(lab.job(tmp_path, parents, steps=1, **keys))
