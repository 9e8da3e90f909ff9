"""A baseline is one run: for all seeds, all models, and all values of the keys that it does not use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from snakelm.planning.orders import ordered
from snakelm.planning.plan import Plan
from snakelm.planning.planner import make_plan
from snakelm.recipe.loading import load
from snakelm.runs.code import CodeDigests
from snakelm.runs.digests import FileDigests
from snakelm.runs.fingerprints import Fingerprints
from snakelm.runs.store import Store
from snakelm.tasks.config import task_types


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("one\n")
    Path("t.csv").write_text("text,label\nfine,good\nawful,bad\n")


def planned(task: dict[str, Any] | None = None, model: dict[str, Any] | None = None, **experiment: Any) -> Plan:
    recipe = {
        "corpora": {"c": {"files": "a.txt"}},
        "tokenizers": {"t": {"corpus": "c", "family": "gpt2"}},
        "models": {"m": {"corpus": "c", "tokenizer": "t", "architecture": "gpt2", "steps": 3, **(model or {})}},
        "tasks": {"k": {"type": "text_classification", "data": {"files": "t.csv"}, **(task or {})}},
        "experiments": [
            {"model": "m", "tasks": "k", "seeds": [1, 2], "init": [], "baselines": ["majority", "tfidf"], **experiment}
        ],
    }
    return make_plan(load([], recipe, "test"), Store())


def ids(*given: Any, **experiment: Any) -> dict[str, str]:
    """Baseline → id; each has one run."""
    runs = planned(*given, **experiment).of("finetune")
    found = {run.subject.init: run.id for run in runs}
    assert len(found) == len(runs)
    return found


@pytest.mark.parametrize(
    "task",
    [
        {"learning_rate": 1e-3},
        {"epochs": 1, "batch_size": 4, "weight_decay": 0.0, "patience": 2},
        {"max_length": 64, "pooling": "mean", "dropout": 0.1, "freeze": 2},
        {"grid": {"learning_rate": [1e-3, 1e-4]}},
        {"sweep": {"learning_rate": [1e-3, 1e-4]}},
        {"gpus": 1},
    ],
)
def test_training_keys_are_none_of_its_business(task: dict[str, Any]) -> None:
    assert ids(task) == ids()


def test_nor_are_seeds_models_and_their_sweeps() -> None:
    one = ids()
    assert ids(seeds=[7]) == ids(None, {"sweep": {"learning_rate": [1e-3, 1e-4]}}) == one
    assert ids(None, {"architecture": "gpt2", "steps": 9}) == one


def test_what_it_uses_makes_another() -> None:
    one = ids()
    for task in ({"text_column": "label"}, {"max_train_rows": 1}, {"data_seed": 3}, {"metric": "mcc"}, {"attempt": 2}):
        assert not set(ids(task).values()) & set(one.values())
    weighted = ids({"class_weights": "balanced"})
    assert weighted["majority"] == one["majority"] and weighted["tfidf"] != one["tfidf"]


def test_its_place_in_the_report_is_that_of_every_seed_and_model() -> None:
    plan = planned(None, {"sweep": {"learning_rate": [1e-3, 1e-4]}})
    assert len(plan.of("finetune")) == 2 and len(plan.of("evaluate")) == 2
    (evaluation,) = [run for run in plan.of("evaluate") if run.subject.init == "tfidf"]
    assert list(evaluation.parents) == ["seed-1", "seed-2"] and len(set(evaluation.parents.values())) == 1
    assert [subject.seed for subject in evaluation.roles.values()] == [1, 2]
    (report,) = plan.of("report")
    cells = {
        (about.model, about.seed)
        for role, about in report.roles.items()
        if role.startswith("finetune:") and about.init == "tfidf"
    }
    models = {"m-learning_rate=0.001", "m-learning_rate=0.0001"}
    assert cells == {(model, seed) for model in models for seed in (1, 2)}
    assert {about.model for role, about in report.roles.items() if role.startswith("evaluate:")} == models


def test_a_job_is_told_the_same_and_makes_the_same_id() -> None:
    """What it does not use has its default in the order, so that a baseline cannot depend on it unnoticed."""
    plan = planned({"learning_rate": 1e-3, "class_weights": "balanced", "grid": {"epochs": [1]}})
    for run in plan.of("finetune"):
        order = ordered(run)
        task = task_types.validate(order.config["task"])
        assert (task.learning_rate, task.grid) == (5e-5, {})
        used = {"majority": None, "tfidf": "balanced"}[run.subject.init]
        assert task.class_weights == used
        assert (order.config["init"], order.name) == ("pretrained", run.name)
        assert run.typed().identity(Fingerprints(FileDigests(), CodeDigests())) == run.identity
