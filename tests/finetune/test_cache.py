"""Features on disk: what is read is what was made, of every kind; and nothing that happens to an entry does harm."""

from __future__ import annotations

import json
import logging
import os
import threading
import time

import pytest
from transformers import AutoTokenizer

from snakelm.finetune import data, network
from snakelm.finetune.cache import shared
from snakelm.finetune.data import load
from snakelm.tasks.config import TaskConfig, task_types
from snakelm.tasks.features import Features
from tests.finetune.lab import sentences

TEXTS = [text for text, _ in sentences(20, 1)]
LABELS = [label for _, label in sentences(20, 1)]
LONG = " ".join(TEXTS * 2)
ROWS = {
    "text_classification": [{"text": t, "label": label} for t, label in zip(TEXTS, LABELS, strict=True)],
    "several labels": [{"text": t, "label": ["a", "b"][: n % 3]} for n, t in enumerate(TEXTS)],
    "regression": [{"text": t, "label": len(t) / 7} for t in TEXTS],
    "token_classification": [{"words": t.split(), "tags": ["O"] * (len(t.split()) - 1) + ["B-X"]} for t in TEXTS]
    + [{"words": [*LONG.split(), "\u200d"], "tags": ["B-X"] * (len(LONG.split()) + 1)}],
    "question_answering": [
        {"question": "who", "context": t, "answers": [t.split()[-1]] if n % 3 else []}
        for n, t in enumerate([*TEXTS, LONG])
    ],
    "multiple_choice": [{"question": t, "choices": t.split()[: 2 + n % 2], "label": 0} for n, t in enumerate(TEXTS)],
    "summarization": [{"source": t, "target": t[:9]} for t in TEXTS],
    "language_modeling": [{"text": t} for t in [*TEXTS, LONG]],
    "minimal_pairs": [{"sentence_good": t, "sentence_bad": " ".join(t.split()[::-1])} for t in TEXTS],
}


@pytest.fixture
def task_of(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def make(kind: str, **keys: object) -> TaskConfig:
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS[kind]))
        if kind == "several labels":
            keys |= {"type": "text_classification", "multi_label": True}
        return task_types.validate({"type": kind, "data": {"files": "rows.jsonl"}} | keys)

    return make


def features(task: TaskConfig, model, kind: str, cache, length: int = 48) -> dict[str, Features]:
    """As a process of its own would get them."""
    network._made.clear()
    tokenizer = AutoTokenizer.from_pretrained(model)
    return network._prepared(task, load(task, None), tokenizer, length, kind, cache)[1]


def entries(cache) -> list:
    return sorted(cache.glob("*.json")) if cache.is_dir() else []


def typed(value: object) -> object:
    """A value with the types of all its parts, for 1 == 1.0 == True and [1] is not (1,)."""
    if isinstance(value, dict):
        return [(typed(key), typed(inner)) for key, inner in value.items()]
    return [type(value), *map(typed, value)] if isinstance(value, (list, tuple)) else (type(value), value)


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("model", ["gpt2", "bert", "t5"])
def test_what_is_read_is_what_was_made(task_of, models, tmp_path, kind, model):
    network = {"gpt2": "decoder", "bert": "encoder", "t5": "encoder-decoder"}[model]
    if (kind, model) in (("summarization", "bert"), ("language_modeling", "t5")):
        pytest.skip("this model cannot do this task")
    task = task_of(kind, **({"max_target_length": 12} if kind == "summarization" else {}))
    made = features(task, models[model], network, tmp_path / "cache")
    assert len(entries(tmp_path / "cache")) == 1
    read = features(task, models[model], network, tmp_path / "cache")
    assert read is not made and len(entries(tmp_path / "cache")) == 1
    assert typed({split: vars(one) for split, one in read.items()}) == typed(
        {split: vars(one) for split, one in made.items()}
    )


def test_an_entry_is_for_what_it_was_made_of(task_of, models, tmp_path):
    cache, task = tmp_path / "cache", task_of("text_classification")

    def count(task: TaskConfig = task, model: str = "bert", length: int = 48) -> int:
        features(task, models[model], "encoder", cache, length)
        return len(entries(cache))

    assert [count(), count(), count(task_of("text_classification", learning_rate=1.0))] == [1, 1, 1]
    assert [count(length=32), count(model="gpt2"), count(task_of("text_classification", labels=["good", "bad"]))] == [
        2,
        3,
        4,
    ]
    (tmp_path / "rows.jsonl").write_text(json.dumps({"text": "other", "label": "good"}) + "\n", "utf-8")
    with open(tmp_path / "rows.jsonl", "a") as file:
        file.writelines(json.dumps(row) + "\n" for row in ROWS["text_classification"])
    assert count(task.model_copy(update={"data_seed": 3})) == 5
    # the same file name, the same config, other rows: what a data set of the Hub or a download can do
    data._load.cache_clear()
    (tmp_path / "rows.jsonl").write_text((tmp_path / "rows.jsonl").read_text().replace("other", "another"))
    assert count(task.model_copy(update={"data_seed": 3})) == 6


@pytest.mark.parametrize(
    "damage",
    [
        lambda old: old[:-20],
        lambda old: b"",
        lambda old: old.replace(b"1", b"2", 200),
        lambda old: b"[]\n",
        lambda old: b"\xff\x00" * 50,
    ],
)
def test_a_damaged_entry_is_made_again(task_of, models, tmp_path, damage):
    cache, task = tmp_path / "cache", task_of("text_classification")
    made = features(task, models["bert"], "encoder", cache)
    (entry,) = entries(cache)
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    assert features(task, models["bert"], "encoder", cache) == made
    assert entry.read_bytes() == whole


def test_where_nothing_can_be_written_features_are_made_all_the_same(task_of, models, tmp_path):
    task = task_of("text_classification")
    made = features(task, models["bert"], "encoder", None)
    (tmp_path / "file").write_text("")
    assert features(task, models["bert"], "encoder", tmp_path / "file" / "cache") == made  # no folder can be made
    assert not entries(tmp_path / "file")


def test_a_full_disk_keeps_nothing(tmp_path):
    made = {"train": Features({"input_ids": [[1, 2]]}, [0])}
    tmp_path.joinpath(f".k.json.{os.getpid()}.part").symlink_to("/dev/full")
    assert shared(tmp_path, "k", lambda: made) == made
    assert not entries(tmp_path) and not list(tmp_path.glob(".*.part"))


def test_two_at_the_same_time_make_it_once(tmp_path):
    calls, found = [], []

    def make() -> dict[str, Features]:
        calls.append(1)
        time.sleep(0.3)
        return {"train": Features({"input_ids": [[1, 2]]}, [0])}

    threads = [threading.Thread(target=lambda: found.append(shared(tmp_path, "k", make))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1 and found[0] == found[1] == found[2] and len(found) == 3


def test_remarks_are_repeated_and_predictions_are_the_same(run_task, task_of, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("snakelm"), "propagate", True)
    caplog.set_level(logging.INFO, "snakelm")
    task_of("token_classification")
    task = {"type": "token_classification", "data": {"files": "rows.jsonl"}, "epochs": 1, "max_length": 48}
    runs = []
    for name, cache in (("without", None), ("first", tmp_path / "cache"), ("second", tmp_path / "cache")):
        network._made.clear()
        caplog.clear()
        runs.append(run_task(task, "bert", name=name, cache=cache)[0])
        assert ("tokenized: " in caplog.text) == (name != "second")
        assert "train: the tokenizer leaves nothing of 1 words" in caplog.text
    for file in ("predictions.parquet", "curve.tsv", "model.safetensors"):
        assert len({(run / file).read_bytes() for run in runs}) == 1
