"""A model folder in transformers' own pipelines answers what the predictions file says."""

from __future__ import annotations

import json

import numpy as np
import pandas
import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from tests.finetune.lab import BAD, GOOD, sentences

FAST = {"learning_rate": 5e-3, "batch_size": 16, "epochs": 2}


def trained(run_task, write_csv, model: str, columns: list[str], rows: list[tuple], **task):
    source = write_csv("rows.csv", columns, rows)
    out, _ = run_task({"data": source, **FAST, **task}, model)
    return out, pandas.read_parquet(out / "predictions.parquet")


@pytest.mark.parametrize(
    ("model", "pooling"),
    [("gpt2", "auto"), ("bert", "auto"), ("roberta", "auto"), ("gpt2", "mean"), ("modernbert", "mean")],
)
def test_text_classification(run_task, write_csv, model, pooling):
    rows = sentences(100, 1)
    out, table = trained(
        run_task, write_csv, model, ["text", "label"], rows, type="text_classification", pooling=pooling
    )
    remote = {"trust_remote_code": True} if (model, pooling) == ("gpt2", "mean") else {}
    assert (out / "heads.py").exists() == bool(remote)
    answers = pipeline("text-classification", str(out), **remote)(table["text"].tolist())
    assert [answer["label"] for answer in answers] == table["prediction"].tolist()
    assert np.allclose([answer["score"] for answer in answers], table["score"], atol=1e-5)


def test_transformers_own_head_pools_as_it_is_told(run_task, write_csv):
    """The mean of ModernBERT's tokens needs no code of ours, and is not what its first token gives."""
    scores = []
    for pooling in ("first", "mean"):
        task = {"data": write_csv("rows.csv", ["text", "label"], sentences(60, 1)), **FAST, "pooling": pooling}
        out, _ = run_task(task | {"type": "text_classification"}, "modernbert", name=pooling)
        assert type(AutoModelForSequenceClassification.from_pretrained(out)).__module__.startswith("transformers.")
        scores.append(pandas.read_parquet(out / "predictions.parquet")["score"])
    assert not np.allclose(*scores)


def test_text_longer_than_the_model(run_task, write_csv):
    rows = sentences(60, 1, longest=120)
    out, table = trained(run_task, write_csv, "gpt2", ["text", "label"], rows, type="text_classification")
    answers = pipeline("text-classification", str(out))(table["text"].tolist(), truncation=True)
    assert np.allclose([answer["score"] for answer in answers], table["score"], atol=1e-5)


@pytest.mark.parametrize("model", ["gpt2", "bert"])
def test_pairs(run_task, write_csv, models, model):
    texts = sentences(120, 1)
    rows = [(a, b, str(x == y)) for (a, x), (b, y) in zip(texts[::2], texts[1::2], strict=True)]
    out, table = trained(
        run_task, write_csv, model, ["a", "b", "label"], rows,
        type="text_classification", text_column="a", text_pair_column="b",
    )  # fmt: skip
    pairs = [{"text": a, "text_pair": b} for a, b in zip(table["text"], table["text_pair"], strict=True)]
    answers = pipeline("text-classification", str(out))(pairs)
    assert [answer["label"] for answer in answers] == table["prediction"].tolist()
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert tokenizer.eos_token_id in tokenizer("the", "of").input_ids, "nothing keeps the two texts apart"
    assert tokenizer("the").input_ids == AutoTokenizer.from_pretrained(models[model])("the").input_ids


def test_several_labels(run_task, write_csv):
    rows = [
        (f"{a} {b}", ",".join(sorted({x, y})))
        for (a, x), (b, y) in zip(sentences(120, 1), sentences(120, 2), strict=True)
    ]
    out, table = trained(
        run_task, write_csv, "bert", ["text", "label"], rows, type="text_classification", multi_label=True
    )
    answers = pipeline("text-classification", str(out), top_k=None)(table["text"].tolist())
    sets = [sorted(one["label"] for one in answer if one["score"] > 0.5) for answer in answers]
    assert sets == [list(labels) for labels in table["prediction"]]


@pytest.mark.parametrize("model", ["gpt2", "roberta"])
def test_regression_in_the_targets_unit(run_task, write_csv, model):
    rows = [(text, 1800 + 10 * len(text.split())) for text, _ in sentences(100, 1)]
    out, table = trained(run_task, write_csv, model, ["text", "label"], rows, type="regression")
    assert json.loads((out / "config.json").read_text())["model_type"] == model, "not a model of stock transformers"
    answers = pipeline("text-classification", str(out))(table["text"].tolist(), function_to_apply="none")
    assert np.allclose([answer["score"] for answer in answers], table["prediction"], rtol=1e-5)


@pytest.mark.parametrize("model", ["gpt2", "bert"])
def test_token_classification(run_task, tmp_path, model):
    with open(tmp_path / "rows.jsonl", "w") as file:
        for text, _ in sentences(100, 1):
            tags = ["A" if word in GOOD else "B" if word in BAD else "C" for word in text.split()]
            file.write(json.dumps({"words": text.split(), "tags": tags}) + "\n")
    out, _ = run_task({"type": "token_classification", "data": {"files": "rows.jsonl"}, **FAST}, model)
    table = pandas.read_parquet(out / "predictions.parquet")
    tagger = pipeline("token-classification", str(out), aggregation_strategy="none")
    for words, tags, scores in zip(table["words"], table["prediction"], table["score"], strict=True):
        starts = np.cumsum([0, *(len(word) + 1 for word in words)])[:-1]
        answers = tagger(" ".join(words))
        firsts = [next(one for one in answers if one["start"] <= start < one["end"]) for start in starts]
        assert [first["entity"] for first in firsts] == list(tags)
        assert np.allclose([first["score"] for first in firsts], scores, atol=1e-5)


def test_generation_by_prompt(run_task, write_csv):
    rows = [
        (text, next(word for word in text.split() if word in GOOD + BAD)) for text, _ in sentences(100, 1, longest=5)
    ]
    out, table = trained(
        run_task,
        write_csv,
        "gpt2",
        ["source", "target"],
        rows,
        type="translation",
        max_target_length=16,
        separator=" =\n",
    )
    writer = pipeline("text-generation", str(out))
    prompts = [text + " =\n" for text in table["text"]]
    answers = writer(prompts, max_new_tokens=16, do_sample=False, return_full_text=False)
    assert [answer[0]["generated_text"].strip() for answer in answers] == table["prediction"].tolist()


def test_masked_model_fills_gaps(run_task, tmp_path):
    (tmp_path / "text.txt").write_text("\n".join(text for text, _ in sentences(80, 1)))
    task = {"type": "language_modeling", "data": {"files": "text.txt", "unit": "line"}, **FAST}
    out, _ = run_task(task | {"max_validation_rows": 2, "max_test_rows": 3}, "bert")
    table = pandas.read_parquet(out / "predictions.parquet")
    tokenizer = AutoTokenizer.from_pretrained(out)
    filler = pipeline("fill-mask", str(out), top_k=len(tokenizer))
    for text, nats in zip(table["text"], table["nats"], strict=True):
        ids = tokenizer(text, add_special_tokens=False).input_ids
        total = 0.0
        for place, token in enumerate(ids):
            masked = tokenizer.convert_tokens_to_string(tokenizer.convert_ids_to_tokens(ids[:place]))
            after = tokenizer.convert_tokens_to_string(tokenizer.convert_ids_to_tokens(ids[place + 1 :]))
            given = f"{masked} {tokenizer.mask_token} {after}".strip()
            if tokenizer(given, add_special_tokens=False).input_ids != [
                *ids[:place],
                tokenizer.mask_token_id,
                *ids[place + 1 :],
            ]:
                break  # a gap inside a word cannot be written as text
            total -= np.log(next(one["score"] for one in filler(given) if one["token"] == token))
        else:
            assert np.isclose(total, nats, rtol=1e-3)
