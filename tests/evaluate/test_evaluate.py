"""A cell's seeds are scored and summed up; runs that do not belong together are refused."""

from __future__ import annotations

import json

import pandas
import pytest

from snakelm.core.errors import UserError
from snakelm.evaluate.config import EvaluateConfig
from snakelm.evaluate.evaluate import evaluate
from snakelm.runs.context import RunContext


def finetune_run(folder, right: int, of: int = 10, task_type: str = "text_classification"):
    """A folder as fine-tuning leaves it, with `right` right answers."""
    folder.mkdir()
    predictions = ["a"] * right + ["b"] * (of - right)
    pandas.DataFrame({"row": range(of), "gold": ["a"] * of, "prediction": predictions}).to_parquet(
        folder / "predictions.parquet"
    )
    task = {"type": task_type, "metric": "accuracy", "rows": {"train": 5, "test": of}}
    (folder / "task.json").write_text(json.dumps(task))
    return folder


def job(tmp_path, parents):
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    return RunContext("cell", EvaluateConfig(), parents, out, tmp_path / "work")


def test_metrics_of_three_seeds(tmp_path):
    parents = {f"seed-{seed}": finetune_run(tmp_path / str(seed), right) for seed, right in ((3, 7), (10, 8), (1, 9))}
    headline = evaluate(job(tmp_path, parents))
    # Student's t with 2 degrees of freedom: 4.302653 · 0.1 / √3 = 0.248414, and no accuracy is above 1
    assert headline == {"metric": "accuracy", "mean": 0.8, "low": 0.551586, "high": 1.0, "n": 3}
    table = pandas.read_csv(tmp_path / "out/metrics.tsv", sep="\t")
    assert list(table) == ["seed", "metric", "value", "n", "main", "greater_is_better"]
    main = table[table["main"]]
    assert main["seed"].tolist() == [1, 3, 10] and main["value"].tolist() == [0.9, 0.7, 0.8] and set(main["n"]) == {10}
    cell = json.loads((tmp_path / "out/cell.json").read_text())
    assert cell["metrics"]["accuracy"]["values"] == {"1": 0.9, "3": 0.7, "10": 0.8}


def test_one_seed_has_no_interval(tmp_path):
    headline = evaluate(job(tmp_path, {"seed-0": finetune_run(tmp_path / "a", 5)}))
    assert (headline["mean"], headline["low"], headline["n"]) == (0.5, None, 1)


def test_runs_of_different_tests_are_refused(tmp_path):
    parents = {"seed-0": finetune_run(tmp_path / "a", 5), "seed-1": finetune_run(tmp_path / "b", 5, of=11)}
    with pytest.raises(UserError, match="another task or test"):
        evaluate(job(tmp_path, parents))


def test_folder_without_a_run_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="task.json cannot be read"):
        evaluate(job(tmp_path, {"seed-0": tmp_path / "empty"}))
