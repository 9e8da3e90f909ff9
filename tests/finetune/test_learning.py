"""What a recipe may ask of training: exact resume, grids, early stopping, weights, freezing, baselines, rivals."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import threading
import time

import pandas
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification

from snakelm.core.errors import UserError
from snakelm.finetune import network
from snakelm.finetune.depth import depths, parameter_groups
from snakelm.tasks.config import task_types
from snakelm.tasks.types.token_classification import _best_windows
from tests.finetune.lab import sentences

FAST = {"learning_rate": 5e-3, "batch_size": 16, "epochs": 3}


@pytest.fixture
def task(write_csv):
    return {"type": "text_classification", "data": write_csv("rows.csv", ["text", "label"], sentences(300, 1)), **FAST}


def weights(folder):
    return load_file(folder / "model.safetensors")


def same(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_killed_and_resumed_gives_the_same_weights(run_task, task, tmp_path):
    task |= {"dropout": 0.1, "epochs": 6, "micro_batch_size": 4, "precision": "float32"}
    whole, _ = run_task(task)

    def kill_once_it_has_begun() -> None:
        while not (tmp_path / "killed.work/best").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        killer = threading.Thread(target=kill_once_it_has_begun)
        killer.start()
        with pytest.raises(SystemExit):
            run_task(task, name="killed")
        killer.join()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not list((tmp_path / "killed").iterdir()), "half-done work was written"
    resumed, _ = run_task(task, name="resumed", work="killed.work")
    assert same(weights(whole), weights(resumed))
    assert (whole / "predictions.tsv").read_bytes() == (resumed / "predictions.tsv").read_bytes()
    assert (whole / "curve.tsv").read_bytes() == (resumed / "curve.tsv").read_bytes()


def test_a_run_is_a_function_of_its_seed(run_task, task):
    one, _ = run_task(task, name="a", seed=1)
    same_again, _ = run_task(task, name="b", seed=1)
    other, _ = run_task(task, name="c", seed=2)
    for file in one.iterdir():
        assert file.read_bytes() == (same_again / file.name).read_bytes(), file.name
    assert not same(weights(one), weights(other))


def test_masks_are_a_function_of_the_seed_too(run_task, tmp_path):
    (tmp_path / "text.txt").write_text("\n".join(text for text, _ in sentences(60, 1)))
    task = {"type": "language_modeling", "data": {"files": "text.txt", "unit": "line"}, **FAST, "steps": 8}
    task |= {"validation_fraction": 0, "max_test_rows": 1}
    runs = [run_task(task, "bert", name=name, seed=seed)[0] for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    assert same(weights(runs[0]), weights(runs[1])) and not same(weights(runs[0]), weights(runs[2]))


def test_micro_batches_change_nothing_but_rounding(run_task, task):
    task |= {"precision": "float32", "steps": 1, "warmup": 0.0}
    one, first = run_task(task, name="a")
    parts, second = run_task(task | {"micro_batch_size": 5}, name="b")
    losses = [pandas.read_csv(out / "curve.tsv", sep="\t")["loss"].tolist() for out in (one, parts)]
    assert losses[0] == losses[1] and first == second
    # AdamW's first step is the sign of the gradient, so rounding shows where that is nearly 0, and nowhere else.
    differ = [(value - weights(parts)[name]).abs().flatten() > 1e-4 for name, value in weights(one).items()]
    assert torch.cat(differ).float().mean() < 0.02


def test_seeds_share_their_features(run_task, task):
    run_task(task, name="a", seed=1)
    made = dict(network._made)
    run_task(task, name="b", seed=2)
    run_task(task, name="c", seed=2, init="random", architecture=ARCHITECTURE)
    assert network._made.keys() == made.keys() and all(network._made[key] is made[key] for key in made)


ARCHITECTURE = {
    "architecture": "gpt2", "network": "decoder", "hidden_size": 32, "layers": 2, "heads": 2, "sequence_length": 64,
}  # fmt: skip


def test_random_weights_come_from_the_seed(run_task, task):
    task |= {"steps": 1, "learning_rate": 1e-9}
    runs = [
        run_task(task, init="random", architecture=ARCHITECTURE, seed=seed, name=name)[0]
        for name, seed in zip("abc", (1, 1, 2), strict=True)
    ]
    assert same(weights(runs[0]), weights(runs[1])) and not same(weights(runs[0]), weights(runs[2]))


def test_an_outside_model_is_a_rival(run_task, task, models):
    out, headline = run_task(task, init=str(models["roberta"]))
    assert json.loads((out / "config.json").read_text())["model_type"] == "roberta" and headline["test"] > 0.5
    with pytest.raises(UserError, match="nowhere: no tokenizer can be loaded"):
        run_task(task, init="./nowhere", name="missing")


def test_grid_takes_the_best_on_validation(run_task, task):
    out, headline = run_task(task | {"grid": {"learning_rate": [1e-9, 5e-3], "epochs": [3]}})
    grid = pandas.read_csv(out / "grid.tsv", sep="\t")
    assert grid["learning_rate"].tolist() == [1e-9, 5e-3] and grid["validation"].iloc[1] == grid["validation"].max()
    assert (
        headline["grid"] == {"learning_rate": 5e-3, "epochs": 3} and headline["validation"] == grid["validation"].max()
    )
    alone, _ = run_task(task, name="alone")
    assert same(weights(out), weights(alone))
    with pytest.raises(ValidationError, match="need validation rows"):
        run_task(task | {"grid": {"epochs": [1, 2]}, "validation_fraction": 0}, name="blind")


def test_patience_keeps_the_best(run_task, task):
    logging.getLogger("snakelm").setLevel(logging.INFO)
    task |= {"patience": 2, "epochs": 40, "metric": "f1_macro"}
    out, headline = run_task(task)
    curve = pandas.read_csv(out / "curve.tsv", sep="\t").dropna(subset="validation_metric")
    assert curve["epoch"].max() < 35
    assert headline["metric"] == "f1_macro" and headline["validation"] == pytest.approx(
        curve["validation_metric"].max(), abs=1e-5
    )


def test_class_weights_lift_the_rare_class(run_task, write_csv):
    rows = [row for number, row in enumerate(sentences(900, 1)) if row[1] == "good" or number % 12 == 0]
    task = {
        "type": "text_classification",
        "data": write_csv("rows.csv", ["text", "label"], rows),
        **FAST,
        "keep": "last",
    }
    task |= {"epochs": 1, "learning_rate": 1e-3, "precision": "float32"}
    guessed = []
    for name, given in (("plain", None), ("balanced", "balanced"), ("heavy", {"bad": 100.0})):
        out, _ = run_task(task | {"class_weights": given}, name=name)
        guessed.append((pandas.read_parquet(out / "predictions.parquet")["prediction"] == "bad").mean())
    assert guessed[0] == 0 < guessed[1] < guessed[2] and guessed[2] > 0.9


def test_freezing_keeps_weights(run_task, task, models):
    start = weights(models["bert"])
    for name, what in (("embeddings", "embeddings"), ("one", 1), ("all", "backbone")):
        out, _ = run_task(task | {"freeze": what, "epochs": 1}, "bert", name=name)
        end = weights(out)
        moved = {key for key in end if key in start and not torch.equal(end[key], start[key])}
        layers = {key for key in moved if ".layer." in key}
        assert not any("embeddings" in key for key in moved)
        assert ("bert.encoder.layer.0.output.dense.weight" in layers) == (what == "embeddings")
        assert ("bert.encoder.layer.1.output.dense.weight" in layers) == (what != "backbone")
    with pytest.raises(UserError, match="freeze: 9 layers, but the model has 2"):
        run_task(task | {"freeze": 9}, "bert", name="none")


@pytest.mark.parametrize("model", ["bert", "gpt2", "roberta", "t5"])
def test_layer_decay(models, model):
    loaded = AutoModelForSequenceClassification.from_pretrained(models[model])
    found, top = depths(loaded)
    assert top == 3 and set(found.values()) == {0, 1, 2, 3}
    assert all(found[name] == 0 for name in found if "word_embeddings" in name or "wte" in name or "shared" in name)
    keys = {"type": "text_classification", "data": {"files": "x.csv"}, "learning_rate": 1.0, "layer_decay": 0.5}
    config = task_types.validate(keys)
    groups = parameter_groups(loaded, config)
    rate = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    assert all(rate[id(p)] == 0.5 ** (top - found[name]) for name, p in loaded.named_parameters())
    assert rate[id(loaded.get_input_embeddings().weight)] == 0.125
    assert sum(len(group["params"]) for group in groups) == len(list(loaded.parameters()))
    assert all((group["weight_decay"] > 0) == all(p.ndim > 1 for p in group["params"]) for group in groups)


@pytest.mark.parametrize("baseline", ["majority", "tfidf"])
def test_baselines_of_text(run_task, write_csv, baseline):
    rows = [(text, label, len(text)) for text, label in sentences(300, 1)]
    source = write_csv("rows.csv", ["text", "label", "size"], rows)
    out, headline = run_task({"type": "text_classification", "data": source}, baseline=baseline)
    assert headline["test"] > 0.95 if baseline == "tfidf" else 0.4 < headline["test"] < 0.7
    assert json.loads((out / "task.json").read_text())["init"] == baseline
    assert (out / "predictions.tsv").exists() and not (out / "model.safetensors").exists()
    regression = {"type": "regression", "data": source, "label_column": "size"}
    assert (run_task(regression, baseline=baseline, name="r")[1]["test"] > 0.3) == (baseline == "tfidf")
    several = {"type": "text_classification", "data": source, "multi_label": True}
    assert (run_task(several, baseline=baseline, name="m")[1]["test"] > 0.95) == (baseline == "tfidf")


@pytest.mark.parametrize("weights", [{"a": 2.0}, {"zz": 2.0}, "balanced"])
@pytest.mark.parametrize("several", [False, True])
def test_tfidf_with_class_weights(run_task, write_csv, weights, several):
    rows = [(f"{'alpha' if n % 2 else 'beta'} {n}", "ab"[n % 2]) for n in range(40)]
    task = {"type": "text_classification", "data": write_csv("rows.csv", ["text", "label"], rows)}
    task |= {"multi_label": several, "class_weights": weights, "labels": ["a", "b", "zz"]}
    _, headline = run_task(task, baseline="tfidf")
    assert headline["test"] == 1
    if not several:
        with pytest.raises(UserError, match="all labels that occur in training have weight 0"):
            run_task(task | {"class_weights": {"a": 0, "b": 0}}, baseline="tfidf", name="none")


@pytest.mark.parametrize(
    ("model", "task_type"), [("gpt2", "language_modeling"), ("t5", "translation"), ("bert", "language_modeling")]
)
def test_freezing_all_there_is_to_learn_is_refused(run_task, write_csv, model, task_type):
    """The head of most language models is its embeddings; BERT's has a layer of its own."""
    source = write_csv("rows.csv", ["text", "source", "target"], [(f"the of {n}", f"a {n}", "b") for n in range(20)])
    task = {"type": task_type, "data": source, "freeze": "backbone", "steps": 1}
    if model == "bert":
        run_task(task, model)
        return
    with pytest.raises(UserError, match="freeze: backbone leaves nothing to learn"):
        run_task(task | ({"max_target_length": 8} if task_type == "translation" else {}), model)


def test_baseline_of_words(run_task, tmp_path):
    rows = [{"words": ["the", "cat", f"w{n}"], "tags": ["DET", "NOUN", "NOUN"]} for n in range(50)]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    _, headline = run_task({"type": "token_classification", "data": {"files": "d.jsonl"}}, baseline="majority")
    assert headline == {"metric": "accuracy", "test": 1.0, "test_rows": 10, "validation": 1.0}


@pytest.mark.parametrize("model", ["gpt2", "bert"])
def test_empty_texts_may_be_kept(run_task, write_csv, model):
    rows = [*sentences(60, 1), *[("", "good")] * 12]
    source = write_csv("rows.csv", ["text", "label"], rows)
    task = {"type": "text_classification", "data": source, "empty_texts": "keep", **FAST}
    table = pandas.read_parquet(run_task(task, model)[0] / "predictions.parquet")
    empty = table[table["text"] == ""]
    assert len(empty) and (empty["prediction"] == "good").all()


def test_a_word_is_left_to_the_window_where_it_is_farthest_from_an_edge():
    rows, lengths = [0, 0, 1], [10, 10, 4]
    firsts = [{0: 1, 5: 6, 6: 8}, {5: 1, 6: 3, 7: 5}, {0: 2}]
    assert _best_windows(rows, firsts, lengths) == [{0: 1, 5: 6}, {6: 3, 7: 5}, {0: 2}]


def test_words_beyond_the_window_are_predicted_too(run_task, tmp_path):
    """Rows of 200 words, windows of 32 tokens: no word is lost, and the merged windows are right."""
    from tests.finetune.lab import GOOD, WORDS

    words = [(WORDS + GOOD)[n * 7 % 30] for n in range(200)]
    rows = [{"words": words[n:] + words[:n], "tags": []} for n in range(40)]
    for row in rows:
        row["tags"] = ["B-X" if word in GOOD else "O" for word in row["words"]]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = {"type": "token_classification", "data": {"files": "d.jsonl"}, "max_length": 32, "stride": 8, **FAST}
    out, headline = run_task(task, "bert")
    table = pandas.read_parquet(out / "predictions.parquet")
    assert all(len(tags) == 200 and "" not in tags for tags in table["prediction"]) and headline["test"] > 0.95


@pytest.mark.parametrize("pooling", ["auto", "mean"])
def test_one_task_after_another(run_task, task, tmp_path, write_csv, pooling):
    """A fine-tuned folder is an init like any other: its backbone is taken, its head of two labels is not."""
    first, _ = run_task(task | {"pooling": pooling}, name="first")
    rows = [(text, str(len(text) % 3)) for text, _ in sentences(60, 2)]
    three = task | {"data": write_csv("three.csv", ["text", "label"], rows), "steps": 1, "learning_rate": 1e-9}
    second, _ = run_task(three | {"pooling": pooling}, init=str(first), name="second")
    before, after = weights(first), weights(second)
    key = next(name for name in before if name.endswith("h.1.mlp.c_fc.weight"))
    assert torch.allclose(before[key], after[key], atol=1e-6)
    head = next(after[name] for name in ("score.weight", "head.weight") if name in after)
    assert head.shape == (3, 32) and 0.01 < head.std() < 0.04, "the new head is not drawn as a head is"
    assert json.loads((second / "task.json").read_text())["labels"] == ["0", "1", "2"]


def test_weights_of_another_network_are_refused(run_task, task, models, tmp_path):
    shutil.copytree(models["bert"], tmp_path / "broken")
    config = json.loads((tmp_path / "broken/config.json").read_text())
    (tmp_path / "broken/config.json").write_text(json.dumps(config | {"intermediate_size": 24}))
    with pytest.raises(UserError, match="weights have other shapes than config.json says"):
        run_task(task, init="./broken")
    (tmp_path / "broken/model.safetensors").write_bytes((models["gpt2"] / "model.safetensors").read_bytes())
    (tmp_path / "broken/config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="weights are not in the folder"):
        run_task(task, init="./broken", name="other")
    whole = load_file(models["bert"] / "model.safetensors")
    lost = "bert.encoder.layer.1.output.dense.weight"
    save_file(
        {name: whole[name] for name in whole if name != lost}, tmp_path / "broken/model.safetensors", {"format": "pt"}
    )
    with pytest.raises(UserError, match=f"1 of .* weights are not in the folder .{lost}"):
        run_task(task, init="./broken", name="one")
