"""Every kind of task, learnt from real files by a real model at tiny size: the metric moves the right way."""

from __future__ import annotations

import json
import random

import pandas
import pytest
from sklearn.metrics import roc_auc_score

from snakelm.artifacts import records
from snakelm.evaluate.config import EvaluateConfig
from snakelm.evaluate.evaluate import evaluate
from snakelm.metrics.details import DETAILS, Details
from snakelm.runs.context import RunContext
from tests.finetune.lab import BAD, GOOD, WORDS, sentences

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


def test_details_of_a_real_fine_tuning(run_task, write_csv, tmp_path):
    """The probabilities that a model writes are those that the evaluation measures; a baseline has details too."""
    train, test = sentences(120, 1), sentences(40, 2)
    task = {"type": "text_classification", **FAST, "epochs": 2}
    task |= {"train": write_csv("train.csv", ["text", "label"], train)}
    task |= {"test": write_csv("test.csv", ["text", "label"], test)}
    for name, options in (("model", {"model": "bert"}), ("baseline", {"baseline": "tfidf"})):
        out, _ = run_task(task, name=name, **options)
        (tmp_path / f"cell-{name}").mkdir()
        evaluate(RunContext("cell", EvaluateConfig(), {"seed-0": out}, tmp_path / f"cell-{name}", tmp_path / "work"))
        found = records.read(Details, tmp_path / f"cell-{name}" / DETAILS)
        table = pandas.read_parquet(out / "predictions.parquet")
        expected = roc_auc_score(table["gold"] == "good", table["p(good)"])
        assert found.auroc.mean == pytest.approx(expected, abs=1e-4)
        assert [one.label for one in found.classes.scores] == ["bad", "good"] and found.calibration.ece.mean > 0
        assert (found.parameters is None) == (name == "baseline") and (found.seeds == [""]) == (name == "baseline")


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


def test_lost_words_and_unseen_tags_count_as_errors(run_task, tmp_path):
    """A word of which no token is left has a visible prediction; a tag that training lacks is never right."""
    rows = {
        "train": [{"words": ["good", "\x01", "bad"], "tags": ["A", "A", "B"]}] * 20,
        "validation": [{"words": ["good", "new"], "tags": ["A", "C"]}] * 4,
        "test": [{"words": ["good", "\x01", "new"], "tags": ["A", "A", "C"]}] * 4,
    }
    task: dict = {"type": "token_classification", "unseen_labels": "count", "steps": 2}
    for split, of in rows.items():
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in of))
        task[split] = {"files": f"{split}.jsonl"}
    out, headline = run_task(task | {"class_weights": "balanced"}, "bert")
    table = pandas.read_parquet(out / "predictions.parquet")
    assert all(list(row)[1] == "<none>" for row in table["prediction"]) and headline["test"] <= 1 / 3
    assert pandas.read_csv(out / "curve.tsv", sep="\t")["validation_loss"].notna().any()


@pytest.mark.parametrize("weights", [None, "balanced"])
def test_unseen_labels_of_texts_count_as_errors(run_task, write_csv, weights):
    train, held_out = sentences(40, 1), [*sentences(6, 2), ("odd", "strange")]
    task = {"type": "text_classification", "unseen_labels": "count", "steps": 2, "class_weights": weights}
    task["train"] = write_csv("train.csv", ["text", "label"], train)
    task["validation"] = task["test"] = write_csv("test.csv", ["text", "label"], held_out)
    out, headline = run_task(task, "bert")
    assert headline["test"] <= 6 / 7
    assert pandas.read_csv(out / "curve.tsv", sep="\t")["validation_loss"].notna().any()


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


@pytest.mark.parametrize("model", ["gpt2", "bert"])
def test_question_answering(run_task, tmp_path, model):
    """The word that is no filler; some questions have no answer; some contexts are longer than a window."""

    def squad(name: str, seed: int, count: int) -> None:
        draw = random.Random(seed)
        paragraphs = []
        for number in range(count):
            words = draw.choices(WORDS, k=90 if number % 8 == 0 else 8)
            asked, answer = draw.choice([("who", draw.choice(GOOD)), ("what", draw.choice(BAD))])
            if number % 5:
                words.insert(draw.randrange(len(words)), answer)
            context = " ".join(words)
            answers = [{"text": answer, "answer_start": context.index(answer)}] if number % 5 else []
            question = {"id": str(number), "question": asked, "answers": answers, "is_impossible": not answers}
            paragraphs.append({"context": context, "qas": [question]})
        squad = {"version": "2", "data": [{"title": "t", "paragraphs": paragraphs}]}
        (tmp_path / name).write_text(json.dumps(squad))

    squad("train.json", 1, 320)
    squad("test.json", 2, 60)
    task = {
        "type": "question_answering",
        "train": {"files": "train.json", "format": "squad"},
        "test": {"files": "test.json", "format": "squad"},
        "stride": 12,
        **FAST,
        "epochs": 10,
    }
    out, headline = run_task(task, model)
    assert headline["metric"] == "f1" and headline["test"] > 0.7
    table = pandas.read_parquet(out / "predictions.parquet")
    assert all(answer in context for answer, context in zip(table["prediction"], table["context"], strict=True))
    assert (table["prediction"] == "").sum() > 3


@pytest.mark.parametrize("model", ["gpt2", "bert"])
def test_multiple_choice(run_task, tmp_path, model):
    def choices(name: str, seed: int, count: int) -> None:
        draw = random.Random(seed)
        with open(tmp_path / name, "w") as file:
            for _ in range(count):
                right = draw.randrange(number := draw.randint(2, 4))
                ends = [draw.choice(GOOD if place == right else WORDS) for place in range(number)]
                row = {"question": " ".join(draw.choices(WORDS, k=4)), "choices": ends, "label": right}
                file.write(json.dumps(row) + "\n")

    choices("train.jsonl", 1, 200)
    choices("test.jsonl", 2, 60)
    task = {"type": "multiple_choice", "train": {"files": "train.jsonl"}, "test": {"files": "test.jsonl"}, **FAST}
    _, headline = run_task(task, model)
    assert headline["metric"] == "accuracy" and headline["test"] > 0.85


@pytest.mark.parametrize(
    ("task_type", "model", "metric"), [("summarization", "t5", "rougeL"), ("translation", "gpt2", "bleu")]
)
def test_generation(run_task, tmp_path, task_type, model, metric):
    """The target is the one word of the source that matters, said twice in the 'other language'."""
    for name, seed, count in (("train", 1, 400), ("test", 2, 40)):
        texts = [text for text, _ in sentences(count, seed, longest=5)]
        keys = [next(word for word in text.split() if word in GOOD + BAD) for text in texts]
        (tmp_path / f"{name}.src").write_text("".join(text + "\n" for text in texts))
        (tmp_path / f"{name}.tgt").write_text("".join(f"{key} {key} {key} {key}\n" for key in keys))
    source = {"format": "parallel"}
    task = {
        "type": task_type,
        "train": {"files": ["train.src", "train.tgt"], **source},
        "test": {"files": ["test.src", "test.tgt"], **source},
        "max_target_length": 24,
        "source_prefix": "say: ",
        "evaluation_steps": 100,
        **FAST,
        "epochs": 12,
    }
    out, headline = run_task(task, model)
    scale = 100 if metric == "bleu" else 1
    assert headline["metric"] == metric and headline["test"] > 0.5 * scale
    assert pandas.read_parquet(out / "predictions.parquet")["prediction"].str.len().min() > 0


@pytest.mark.parametrize("model", ["gpt2", "bert"])
def test_language_modeling_then_minimal_pairs(run_task, tmp_path, model):
    """Learning a language of two alternating words lowers bits per byte, and tells its sentences from others."""
    draw = random.Random(1)
    good = [
        " ".join(["the of", "to in", "a is"][draw.randrange(3)] for _ in range(draw.randint(3, 40))) for _ in range(150)
    ]
    (tmp_path / "text.txt").write_text("\n".join(good))
    with open(tmp_path / "blimp.jsonl", "w") as file:
        for number, text in enumerate(good[:30]):
            words = text.split()[:8]
            row = {
                "sentence_good": " ".join(words),
                "sentence_bad": " ".join(words[::-1]),
                "linguistics_term": f"p{number % 2}",
            }
            file.write(json.dumps(row) + "\n")
    task = {
        "type": "language_modeling",
        "data": {"files": "text.txt", "unit": "line"},
        **FAST,
        "steps": 80,
        "stride": 8,
    }
    task |= {"max_validation_rows": 3, "max_test_rows": 20, "evaluation_steps": 40}
    before, _ = run_task({**task, "steps": 1, "learning_rate": 1e-9}, model, name="before")
    after, headline = run_task(task, model, name="after")
    untrained = json.loads((before / "task.json").read_text())
    assert untrained["metric"] == headline["metric"] == "bits_per_byte"
    table = pandas.read_parquet(after / "predictions.parquet")
    assert table["bytes"].tolist() == [len(text.encode()) for text in table["text"]]
    first = pandas.read_parquet(before / "predictions.parquet")["nats"].sum()
    assert table["nats"].sum() < 0.6 * first

    pairs = {"type": "minimal_pairs", "test": {"files": "blimp.jsonl"}}
    out, headline = run_task(pairs, init=str(after), name="pairs")
    assert headline["metric"] == "accuracy" and headline["test"] > 0.9
    assert not (out / "curve.tsv").exists()
