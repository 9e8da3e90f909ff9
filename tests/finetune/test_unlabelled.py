"""A test whose labels nobody has: predictions without scores, and no doubt about which rows have no label."""

from __future__ import annotations

import json
import logging
from typing import Any

import pandas
import pytest

from snakelm.core.errors import UserError
from snakelm.evaluate.config import EvaluateConfig
from snakelm.evaluate.evaluate import evaluate
from snakelm.finetune.data import _load, load
from snakelm.runs.context import RunContext
from snakelm.tasks.config import task_types
from tests.finetune.lab import sentences


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging.getLogger("snakelm"), "propagate", True)
    caplog.set_level(logging.INFO, "snakelm")


def jsonl(name: str, rows: list[dict[str, Any]]) -> dict[str, str]:
    with open(name, "w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return {"files": name}


def labelled(labels: list[Any], column: str = "label") -> list[dict[str, Any]]:
    return [{"text": f"text {number}", column: label} for number, label in enumerate(labels)]


def loaded(train: list[dict[str, Any]], test: list[dict[str, Any]], **keys: Any) -> Any:
    sources = {"train": jsonl("train.jsonl", train), "test": jsonl("test.jsonl", test)}
    _load.cache_clear()  # its key is the hashes of the files, which only a job is given
    return load(task_types.validate({"type": "text_classification", **sources, **keys}), None)


HIDDEN: dict[str, list[dict[str, Any]]] = {
    "no column label": [{"text": "one"}, {"text": "two"}],
    "all cells of column label are empty": [{"text": "one", "label": ""}, {"text": "two", "label": None}],
    "all cells of column label are -1": [{"text": "one", "label": -1}, {"text": "two", "label": "-1.0"}],
}


@pytest.mark.parametrize("why", HIDDEN)
@pytest.mark.parametrize("train", [[0, 1] * 20, ["a", "b"] * 20])
@pytest.mark.parametrize("keys", [{}, {"missing_labels": "drop"}, {"unseen_labels": "count"}])
def test_a_test_without_labels_is_told_and_kept(why, train, keys, caplog):
    data = loaded(labelled(train), HIDDEN[why], **keys)
    assert data.unlabelled == {"test"} and data.splits["test"]["text"].tolist() == ["one", "two"]
    assert "gold" not in data.splits["test"] and "gold" in data.splits["validation"]
    assert f"test: {why}" in caplog.text and "predictions without scores" in caplog.text


@pytest.mark.parametrize("type_", ["text_classification", "regression"])
def test_minus_one_may_be_a_label(type_):
    rows = [{"text": "one", "label": -1}, {"text": "two", "label": -1}]
    assert loaded(labelled([0, 1, -1] * 20), rows, type=type_).unlabelled == set()
    assert loaded(labelled([0, 1, 2] * 20), rows, type=type_).unlabelled == {"test"}
    assert loaded(labelled([0.5, -0.2, 2] * 20), rows, type="regression").unlabelled == set()


def test_minus_one_that_the_recipe_lists_is_a_label():
    rows = [{"text": "one", "label": -1}]
    assert loaded(labelled([0, 1] * 20), rows, labels=[-1, 0, 1]).unlabelled == set()


def test_some_rows_without_a_label_are_no_hidden_test():
    train = labelled([0, 1] * 20)
    with pytest.raises(UserError, match=r"test\.jsonl line 2: column label is empty or NaN"):
        loaded(train, labelled([0, "", 1]))
    with pytest.raises(UserError, match=r"test\.jsonl line 2: label '-1' of the test split does not occur"):
        loaded(train, labelled([0, -1, 1]))
    with pytest.raises(UserError, match=r"test\.jsonl line 2: no column 'label'"):
        loaded(train, [*labelled([0]), {"text": "text"}])
    assert len(loaded(train, labelled([0, "", 1]), missing_labels="drop").splits["test"]) == 2


def test_a_misspelt_column_is_no_hidden_test():
    with pytest.raises(UserError, match=r"no column 'label'; did you mean labels\?"):
        loaded(labelled([0, 1] * 20), labelled([0, 1], "labels"))
    with pytest.raises(UserError, match=r"train\.jsonl line 1: no column 'lable'"):
        loaded(labelled([0, 1] * 20), labelled([0, 1]), label_column="lable")


def test_training_and_validation_need_labels():
    with pytest.raises(UserError, match="empty or NaN"):
        loaded(labelled([""] * 10), labelled([""]))
    validation = {"files": "validation.jsonl"} if jsonl("validation.jsonl", [{"text": "x"}]) else {}
    with pytest.raises(UserError, match=r"validation\.jsonl line 1: no column 'label'"):
        loaded(labelled([0, 1] * 20), labelled([0]), validation=validation)


QUESTION = {"question": "who", "context": "he is good", "answers": {"text": ["good"], "answer_start": [6]}}
OTHERS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "question_answering": (
        QUESTION,
        [{"question": "who", "context": "she is bad"}, {**QUESTION, "answers": {"text": [], "answer_start": []}}],
    ),
    "multiple_choice": (
        {"question": "who", "choices": ["a", "b"], "label": 1},
        [{"question": "who", "choices": ["a", "b"], "label": ""}],
    ),
    "token_classification": ({"words": ["a", "b"], "tags": ["X", "Y"]}, [{"words": ["a", "b"], "tags": ["_", "_"]}]),
    "translation": ({"source": "a", "target": "b"}, [{"source": "a"}]),
    "summarization": ({"source": "a", "target": "b"}, [{"source": "a", "target": ""}]),
}


@pytest.mark.parametrize("type_", OTHERS)
def test_every_type_can_read_rows_without_labels(type_):
    train, test = OTHERS[type_]
    for row in test:
        data = loaded([train] * 20, [row], type=type_)
        assert data.unlabelled == {"test"} and len(data.splits["test"]) == 1 and "gold" not in data.splits["test"]
    assert loaded([train] * 20, [train], type=type_).unlabelled == set()


def test_unanswerable_questions_are_no_hidden_test():
    row = {**QUESTION, "answers": {"text": [], "answer_start": []}, "is_impossible": True}
    assert loaded([QUESTION] * 20, [row], type="question_answering").unlabelled == set()


def test_several_labels():
    train = labelled([["a"], ["b", "a"], []] * 10)
    assert loaded(train, [{"text": "x"}], multi_label=True).unlabelled == {"test"}
    assert loaded(train, labelled([[], ["a"]]), multi_label=True).unlabelled == set()


@pytest.mark.parametrize(("text", "keys"), [("a\nb\n\n", {}), ("a P\nb P\n\n", {"tag_column": 0})])
def test_conll_without_tags(text, keys):
    with open("train.conll", "w") as file:
        file.write("a X\nb Y\n\n" * 20)
    with open("test.conll", "w") as file:
        file.write(text)
    _load.cache_clear()
    sources = {"train": {"files": "train.conll"}, "test": {"files": "test.conll", **keys}}
    data = load(task_types.validate({"type": "token_classification", **sources}), None)
    assert data.unlabelled == {"test"} and data.splits["test"]["words"].tolist() == [["a", "b"]]


@pytest.mark.parametrize("baseline", [None, "tfidf"])
def test_predictions_without_scores(run_task, write_csv, tmp_path, baseline):
    train, test = sentences(240, 1), sentences(30, 2)
    task = {"type": "text_classification", "learning_rate": 5e-3, "epochs": 6, "batch_size": 16}
    task["train"] = write_csv("train.csv", ["text", "label"], train)
    task["test"] = write_csv("test.csv", ["text"], [(text,) for text, _ in test])
    out, headline = run_task(task, "bert", baseline=baseline)
    assert headline["note"] == "no labels: 30 predictions" and "test" not in headline
    assert headline["metric"] == "accuracy" and headline["validation"] > 0.8
    table = pandas.read_parquet(out / "predictions.parquet")
    assert "gold" not in table
    assert sum(a == b for a, (_, b) in zip(table["prediction"], test, strict=True)) >= 27
    (tmp_path / "cell").mkdir()
    context = RunContext("cell", EvaluateConfig(), {"seed-0": out}, tmp_path / "cell", tmp_path / "work")
    assert evaluate(context) == {"metric": "accuracy", "note": "no labels: 30 predictions", "n": 1}
    assert (tmp_path / "cell/metrics.tsv").read_text() == "seed\tsplit\tmetric\tvalue\tn\tmain\tgreater_is_better\n"
    cell = json.loads((tmp_path / "cell/cell.json").read_text())
    assert cell["note"] == "no labels: 30 predictions" and cell["metrics"] == {}
    assert cell["seeds"] == (["0"] if baseline is None else [""])
