"""Many rare labels per row, as intents are: at 0.5 nothing is predicted, at a tuned threshold what can be told is."""

from __future__ import annotations

import json
import random

import pandas
import pytest
from sklearn.metrics import f1_score
from sklearn.preprocessing import MultiLabelBinarizer

from snakelm.evaluate.config import EvaluateConfig
from snakelm.evaluate.evaluate import evaluate
from snakelm.runs.context import RunContext
from snakelm.tasks.chances import chance_column
from tests.finetune.lab import BAD, GOOD, WORDS

INTENTS = GOOD + BAD


@pytest.fixture
def task(tmp_path):
    """Rows with 0 to 2 of 10 labels, each told by a word, in the style of NLU++: rows without a label lack the key."""

    def write(name: str, seed: int, count: int) -> dict:
        draw = random.Random(seed)
        with open(tmp_path / name, "w") as file:
            for _ in range(count):
                labels = draw.sample(INTENTS, draw.choice([0, 1, 1, 2]))
                words = draw.choices(WORDS, k=4) + labels
                draw.shuffle(words)
                row = {"text": " ".join(words), "label": sorted(labels)}
                file.write(json.dumps(row if labels else {"text": row["text"]}) + "\n")
        return {"files": name}

    keys = {"type": "text_classification", "multi_label": True, "missing_labels": "empty"}
    return keys | {"train": write("train.jsonl", 1, 300), "test": write("test.jsonl", 2, 100)}


def check(out, threshold: float) -> pandas.DataFrame:
    """Predictions are what the chances and the threshold of the run say, and so is the score of the stage evaluate."""
    table = pandas.read_parquet(out / "predictions.parquet")
    chances = table[[chance_column(label) for label in sorted(INTENTS)]].to_numpy(dtype=float)
    expected = [[label for label, p in zip(sorted(INTENTS), row, strict=True) if p > threshold] for row in chances]
    assert [list(labels) for labels in table["prediction"]] == expected
    cell, work = out.with_suffix(".cell"), out.with_suffix(".work2")
    cell.mkdir()
    marks = MultiLabelBinarizer(classes=INTENTS)
    f1 = f1_score(marks.fit_transform(table["gold"]), marks.transform(expected), average="micro")
    found = evaluate(RunContext("cell", EvaluateConfig(), {"seed-0": out}, cell, work))
    assert (found["metric"], found["mean"]) == ("f1_micro", round(f1, 6))
    return table


def test_a_network(run_task, task):
    """Too short a training for any chance above 0.5; how labels are ranked is useful all the same."""
    keys = {"epochs": 6, "learning_rate": 5e-3}
    fixed, at_half = run_task(task | keys | {"threshold": 0.5}, "bert", name="fixed")
    assert json.loads((fixed / "task.json").read_text())["threshold"] == 0.5
    check(fixed, 0.5)
    out, headline = run_task(task | keys, "bert")
    threshold = json.loads((out / "task.json").read_text())["threshold"]
    assert 0 < threshold < 0.5 and headline["test"] > at_half["test"] + 0.1
    check(out, threshold)
    same = [chance_column(label) for label in INTENTS]
    tables = [pandas.read_parquet(folder / "predictions.parquet")[same] for folder in (fixed, out)]
    if headline["validation"]:
        curve = pandas.read_csv(out / "curve.tsv", sep="\t")
        assert headline["validation"] == pytest.approx(curve["validation_metric"].max(), abs=1e-6)
    assert tables[0].shape == tables[1].shape


def test_tfidf(run_task, task):
    fixed, at_half = run_task(task | {"threshold": 0.5}, baseline="tfidf", name="fixed")
    check(fixed, 0.5)
    out, headline = run_task(task, baseline="tfidf")
    threshold = json.loads((out / "task.json").read_text())["threshold"]
    check(out, threshold)
    assert headline["test"] >= at_half["test"] and headline["validation"] >= at_half["validation"]
    lone, _ = run_task(task | {"threshold": 0.5, "validation_fraction": 0}, baseline="majority", name="constant")
    assert not [name for name in pandas.read_parquet(lone / "predictions.parquet") if name.startswith("p(")]


def test_without_validation_rows_it_is_a_half(run_task, task):
    out, _ = run_task(task | {"validation_fraction": 0}, baseline="tfidf")
    assert json.loads((out / "task.json").read_text())["threshold"] == 0.5
    check(out, 0.5)
