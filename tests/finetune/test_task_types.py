"""Every kind of task, learnt from real files by a real model at tiny size: the metric moves the right way."""

from __future__ import annotations

import json

import pandas
import pytest
from finetune_lab import BAD, GOOD, sentences

FAST = {"learning_rate": 5e-3, "batch_size": 16, "epochs": 8, "validation_fraction": 0.1}


@pytest.mark.parametrize("model", ["gpt2", "bert", "t5"])
def test_text_classification(run_task, write_csv, model):
    train, test = sentences(240, 1), sentences(60, 2)
    task = {
        "type": "text_classification",
        "train": write_csv("train.csv", ["text", "label"], train),
        "test": write_csv("test.csv", ["text", "label"], test),
        **FAST,
    }
    out, headline = run_task(task, model)
    assert headline["metric"] == "accuracy" and headline["test"] > 0.9
    table = pandas.read_parquet(out / "predictions.parquet")
    assert table["text"].tolist() == [text for text, _ in test]
    assert table["gold"].tolist() == [label for _, label in test]
    assert table["row"].tolist() == list(range(60))
    tsv = pandas.read_csv(out / "predictions.tsv", sep="\t")
    assert tsv["prediction"].tolist() == table["prediction"].tolist()
    curve = pandas.read_csv(out / "curve.tsv", sep="\t")
    assert curve["validation_metric"].dropna().iloc[-1] > 0.8
    assert json.loads((out / "config.json").read_text())["id2label"] == {"0": "bad", "1": "good"}


@pytest.mark.parametrize("model", ["gpt2", "bert"])
def test_regression(run_task, write_csv, model):
    rows = [
        (text, 1800 + 10 * sum(word in GOOD for word in text.split()) + len(text.split()))
        for text, _ in sentences(400, 3)
    ]
    task = {
        "type": "regression",
        "train": write_csv("train.csv", ["text", "year"], rows[:320]),
        "test": write_csv("test.csv", ["text", "year"], rows[320:]),
        "label_column": "year",
        **FAST,
    }
    out, headline = run_task(task, model)
    assert headline["metric"] == "pearson" and headline["test"] > 0.7
    table = pandas.read_parquet(out / "predictions.parquet")
    assert 1795 < table["prediction"].mean() < 1825


@pytest.mark.parametrize("model", ["gpt2", "bert"])
def test_token_classification(run_task, tmp_path, model):
    def tag(word: str) -> str:
        return "B-POS" if word in GOOD else "B-NEG" if word in BAD else "O"

    for name, seed, count in (("train", 5, 200), ("test", 6, 50)):
        lines = [f"{word} x {tag(word)}\n" for text, _ in sentences(count, seed) for word in [*text.split(), ""]]
        (tmp_path / f"{name}.conll").write_text("".join(line if line != " x O\n" else "\n" for line in lines))
    task = {
        "type": "token_classification",
        "train": {"files": "train.conll"},
        "test": {"files": "test.conll"},
        **FAST,
    }
    out, headline = run_task(task, model)
    assert headline["metric"] == "f1" and headline["test"] > 0.9
    table = pandas.read_parquet(out / "predictions.parquet")
    assert all(len(words) == len(tags) for words, tags in zip(table["words"], table["prediction"], strict=True))
