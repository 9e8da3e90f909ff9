"""A task type from outside the library: one file, imported, and everything knows it."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import pandas
import pytest
import yaml
from pydantic import ValidationError

from snakelm.core.errors import UserError
from snakelm.evaluate.config import EvaluateConfig
from snakelm.evaluate.evaluate import evaluate
from snakelm.finetune.config import FinetuneConfig
from snakelm.planning.planner import make_plan
from snakelm.recipe.loading import load
from snakelm.runs.context import RunContext
from snakelm.runs.store import Store
from snakelm.tasks.config import task_types
from tests.finetune.lab import sentences


@pytest.fixture
def own_type(tmp_path, monkeypatch):
    """The file `mine.py` in a folder of the user's, imported as a plug-in is."""
    file = tmp_path / "mine.py"
    shutil.copy(Path(__file__).with_name("has_word.py"), file)
    task_types.classes()
    monkeypatch.setattr(task_types, "_classes", dict(task_types._classes))
    spec = importlib.util.spec_from_file_location("mine", file)
    monkeypatch.setitem(sys.modules, "mine", module := importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def task(own_type, write_csv):
    source = write_csv("rows.csv", ["text"], [(text,) for text, _ in sentences(300, 1)])
    return {"type": "has_word", "data": source, "word": "of", "learning_rate": 5e-3, "epochs": 8}


def test_it_learns_and_is_evaluated(run_task, task, tmp_path):
    out, headline = run_task(task, "bert")
    assert headline["metric"] == "hits" and headline["test"] > 0.95
    task_json = json.loads((out / "task.json").read_text())
    assert (task_json["type"], task_json["greater_is_better"], task_json["labels"]) == ("has_word", True, None)
    (tmp_path / "cell").mkdir()
    found = evaluate(RunContext("cell", EvaluateConfig(), {"seed-0": out}, tmp_path / "cell", tmp_path / "work"))
    assert found["metric"] == "hits" and found["mean"] == headline["test"]
    table = pandas.read_csv(tmp_path / "cell/metrics.tsv", sep="\t").query("split == 'test'").set_index("metric")
    assert table["greater_is_better"].to_dict() == {"hits": True, "misses": False}
    assert table.loc["misses", "value"] == pytest.approx(1 - headline["test"])


def test_its_metric_its_grid_and_its_baselines(run_task, task):
    task |= {"metric": "misses", "epochs": 2, "grid": {"sharpness": [1e-6, 1.0]}}
    out, headline = run_task(task, "bert")
    grid = pandas.read_csv(out / "grid.tsv", sep="\t")
    assert grid["sharpness"].tolist() == [1e-6, 1.0] and headline["validation"] == round(grid["validation"].min(), 6)
    for name in ("never", "majority"):
        _, baseline = run_task(task | {"grid": {}}, baseline=name, name=name)
        assert baseline["metric"] == "misses" and baseline["test"] == pytest.approx(0.3, abs=0.15)
    with pytest.raises(ValidationError, match="the baseline tfidf does not exist for has_word; it has never, majority"):
        FinetuneConfig(task=task, baseline="tfidf")


def test_its_rows_and_features_are_its_own(own_type, task):
    """What may be shared: nothing between two words, everything between two factors of the logits."""
    one = task_types.validate(task)
    assert "word" not in one.training_keys() and "sharpness" in one.training_keys()
    assert one.feature_keys() == {"type": "has_word", "unit": "document", "text_column": "text", "word": "of"}
    assert one.identity()["word"] == "of" and one.identity()["sharpness"] == 1.0


def test_a_recipe_knows_it(own_type, task, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = {"plugins": ["mine.py"], "corpora": {"c": {"files": "rows.csv"}}, "tasks": {"mine": task}}
    Path("r.yaml").write_text(yaml.safe_dump(recipe))
    loaded = load(["r.yaml"])
    assert type(loaded.tasks["mine"]) is own_type.HasWord and loaded.tasks["mine"].word == "of"
    with pytest.raises(UserError, match=r"tasks\.mine\.sharpness: is a key of task type has_word alone"):
        load(["r.yaml"], {"tasks": {"mine": {"type": "regression", "sharpness": 2}}})


def test_a_recipe_asks_for_its_baselines(own_type, task, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = {
        "plugins": ["mine.py"],
        "corpora": {"c": {"files": "rows.csv"}},
        "tokenizers": {"t": {"corpus": "c", "family": "gpt2"}},
        "models": {"m": {"corpus": "c", "tokenizer": "t", "architecture": "gpt2", "steps": 3}},
        "tasks": {"mine": task},
        "experiments": [{"model": "m", "tasks": "mine", "init": [], "baselines": ["never", "majority"]}],
    }
    runs = make_plan(load([], recipe, "test"), Store()).of("finetune")
    assert [(run.subject.init, run.typed().baseline) for run in runs] == [
        (name, name) for name in ("never", "majority")
    ]
    recipe["experiments"][0]["baselines"] = ["nevr"]
    with pytest.raises(UserError, match=r"baselines: unknown baseline 'nevr'; did you mean never\?"):
        load([], recipe, "test")
    recipe["experiments"][0] |= {"baselines": [], "init": ["never"]}
    with pytest.raises(UserError, match=r"init: never is a baseline; write baselines: \[never\]"):
        load([], recipe, "test")
    recipe["experiments"][0] |= {"baselines": ["tfidf"], "init": []}
    with pytest.raises(UserError, match="the baseline tfidf does not exist for has_word; it has never, majority"):
        load([], recipe, "test")


def test_without_its_file_it_is_unknown(tmp_path):
    with pytest.raises(ValueError, match="unknown task type 'has_word'; known: language_modeling, minimal_pairs"):
        task_types.validate({"type": "has_word", "data": {"files": "a"}})
    (tmp_path / "run").mkdir()
    (tmp_path / "run/task.json").write_text(json.dumps({"type": "has_word", "metric": "hits", "rows": {"test": 1}}))
    with pytest.raises(UserError, match=r"run: task\.json: type: unknown task type 'has_word'"):
        context = RunContext("cell", EvaluateConfig(), {"seed-0": tmp_path / "run"}, tmp_path, tmp_path)
        evaluate(context)
