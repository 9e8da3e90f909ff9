"""A cell's seeds are scored and summed up; runs that do not belong together are refused."""

from __future__ import annotations

import json

import numpy
import pandas
import pytest
from safetensors.numpy import save_file

from snakelm.artifacts import records
from snakelm.core.errors import UserError
from snakelm.evaluate.config import EvaluateConfig
from snakelm.evaluate.evaluate import evaluate
from snakelm.metrics.details import DETAILS, Details
from snakelm.runs.context import RunContext
from snakelm.statistics.spread import Spread


def finetune_run(folder, right: int, of: int = 10, task_type: str = "text_classification", init: str = "random"):
    """A folder as fine-tuning leaves it, with `right` right answers."""
    folder.mkdir()
    predictions = ["a"] * right + ["b"] * (of - right)
    pandas.DataFrame({"row": range(of), "gold": ["a"] * of, "prediction": predictions}).to_parquet(
        folder / "predictions.parquet"
    )
    task = {"type": task_type, "metric": "accuracy", "rows": {"train": 5, "test": of}, "init": init}
    (folder / "task.json").write_text(json.dumps(task))
    return folder


def job(tmp_path, parents):
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    return RunContext("cell", EvaluateConfig(), parents, out, tmp_path / "work")


def test_metrics_of_three_seeds(tmp_path):
    parents = {f"seed-{seed}": finetune_run(tmp_path / str(seed), right) for seed, right in ((3, 7), (10, 8), (1, 9))}
    headline = evaluate(job(tmp_path, parents))
    # Seeds .9 .7 .8, row means 1 (seven), 2/3, 1/3, 0: MS_S = 10 · .02 / 2, MS_R = 3 · 1.155556 / 9, MS_E = (4.8 − .2 −
    # 3.466667) / 18, for the mean of 30 scores; no accuracy is above 1
    spread = Spread(0.1 / 30, (3.466667 / 9 - 1.133333 / 18) / 30, 2, 9)
    low = round(0.8 - spread.half_width(0.95), 6)
    assert headline == {"metric": "accuracy", "mean": 0.8, "low": low, "high": 1.0, "n": 3, "covers": "seeds and rows"}
    table = pandas.read_csv(tmp_path / "out/metrics.tsv", sep="\t")
    assert list(table) == ["seed", "split", "metric", "value", "n", "main", "greater_is_better"]
    main = table[table["main"]]
    assert main["seed"].tolist() == [1, 3, 10] and main["value"].tolist() == [0.9, 0.7, 0.8] and set(main["n"]) == {10}
    cell = json.loads((tmp_path / "out/cell.json").read_text())
    assert cell["metrics"]["accuracy"]["values"] == {"1": 0.9, "3": 0.7, "10": 0.8}


def test_one_seed_has_an_interval_over_rows(tmp_path):
    """t(.975, 9) = 2.262157, s² = .25 · 10 / 9: ± .377026."""
    headline = evaluate(job(tmp_path, {"seed-0": finetune_run(tmp_path / "a", 5)}))
    assert headline == {"metric": "accuracy", "mean": 0.5, "low": 0.122974, "high": 0.877026, "n": 1, "covers": "rows"}


def test_what_each_row_contributes(tmp_path):
    parents = {f"seed-{seed}": finetune_run(tmp_path / str(seed), right) for seed, right in ((1, 7), (2, 8))}
    evaluate(job(tmp_path, parents))
    cell = json.loads((tmp_path / "out/cell.json").read_text())
    table = numpy.load(tmp_path / "out/contributions.npy")
    assert (cell["unit"], cell["units"], cell["seeds"]) == ("row", 10, ["1", "2"]) and table.shape == (3, 2, 10)
    of = {name: table[place] for place, name in enumerate(cell["contributions"])}
    assert of["accuracy"].tolist() == [[1] * 7 + [0] * 3, [1] * 8 + [0] * 2]
    for name, found in of.items():
        assert found.mean(1) == pytest.approx(list(cell["metrics"][name]["values"].values()), abs=1e-6)


def test_rows_of_a_document_are_one_unit(tmp_path):
    folder = finetune_run(tmp_path / "a", 5)
    table = pandas.read_parquet(folder / "predictions.parquet")
    table.assign(group=[f"test {n // 2}" for n in range(10)]).to_parquet(folder / "predictions.parquet")
    grouped = evaluate(job(tmp_path, {"seed-0": folder}))
    cell = json.loads((tmp_path / "out/cell.json").read_text())
    assert (cell["unit"], cell["units"]) == ("group", 5) and grouped["high"] - grouped["mean"] > 0.377027


def test_a_baseline_is_scored_once(tmp_path):
    parents = {f"seed-{seed}": finetune_run(tmp_path / str(seed), 7, init="majority") for seed in (1, 2, 3)}
    headline = evaluate(job(tmp_path, parents))
    table = pandas.read_csv(tmp_path / "out/metrics.tsv", sep="\t")
    assert headline["n"] == 1 and headline["covers"] == "rows" and table["seed"].isna().all() and len(table) == 3


def test_validation_is_scored_where_there_is_one(tmp_path):
    folder = finetune_run(tmp_path / "a", 5)
    rows = pandas.DataFrame({"gold": ["a", "b"], "prediction": ["a", "a"]})
    rows.to_parquet(folder / "predictions-validation.parquet")
    evaluate(job(tmp_path, {"seed-0": folder}))
    table = pandas.read_csv(tmp_path / "out/metrics.tsv", sep="\t")
    found = table[table["metric"] == "accuracy"].set_index("split")[["value", "n"]].to_dict("index")
    assert found == {"test": {"value": 0.5, "n": 10}, "validation": {"value": 0.5, "n": 2}}


def test_the_same_test_has_the_same_digest_whatever_was_predicted(tmp_path):
    digests = []
    for name, right, of in (("a", 5, 10), ("b", 7, 10), ("c", 7, 11)):
        evaluate(job(tmp_path, {"seed-0": finetune_run(tmp_path / name, right, of)}))
        digests.append(json.loads((tmp_path / "out/cell.json").read_text())["test"])
    assert digests[0] == digests[1] != digests[2]


def test_runs_of_different_tests_are_refused(tmp_path):
    parents = {"seed-0": finetune_run(tmp_path / "a", 5), "seed-1": finetune_run(tmp_path / "b", 5, of=11)}
    with pytest.raises(UserError, match="another task or test"):
        evaluate(job(tmp_path, parents))


def test_folder_without_a_run_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="task.json cannot be read"):
        evaluate(job(tmp_path, {"seed-0": tmp_path / "empty"}))


def test_details_are_a_record(tmp_path):
    parents = {f"seed-{seed}": finetune_run(tmp_path / str(seed), right) for seed, right in ((1, 7), (2, 8))}
    evaluate(job(tmp_path, parents))
    found = records.read(Details, tmp_path / "out" / DETAILS)
    assert (found.rows, found.seeds, found.parameters) == (10, ["1", "2"], None)


def test_details_count_parameters(tmp_path):
    folder = finetune_run(tmp_path / "a", 5)
    save_file(
        {"a": numpy.zeros((3, 4), numpy.float32), "b": numpy.zeros(5, numpy.float32)}, folder / "model.safetensors"
    )
    evaluate(job(tmp_path, {"seed-0": folder}))
    assert records.read(Details, tmp_path / "out" / DETAILS).parameters == 17


def test_details_of_labels_and_of_a_collapsed_seed(tmp_path):
    parents = {f"seed-{seed}": finetune_run(tmp_path / str(seed), right) for seed, right in ((1, 7), (2, 8), (3, 10))}
    for folder in parents.values():
        table = pandas.read_parquet(folder / "predictions.parquet")
        table.assign(gold=["a"] * 8 + ["b"] * 2).to_parquet(folder / "predictions.parquet")
    evaluate(job(tmp_path, parents))
    found = records.read(Details, tmp_path / "out" / DETAILS)
    assert [(flag.seed, flag.reason, flag.value) for flag in found.flags] == [("3", "collapsed", 0.8)]
    assert found.confusion.matrix == [[7 + 8 + 8, 1], [2, 2 + 2]] and found.classes.never_predicted == {"b": 1}
    first = (tmp_path / "out" / DETAILS).read_bytes()
    evaluate(job(tmp_path, dict(reversed(parents.items()))))
    assert (tmp_path / "out" / DETAILS).read_bytes() == first


def test_a_seed_that_blew_up_has_no_score(tmp_path):
    parents = {}
    for seed, guess in (("1", [1.0, 2.0, 3.5]), ("2", [float("nan")] * 3)):
        folder = finetune_run(tmp_path / seed, 3, of=3, task_type="regression")
        (folder / "task.json").write_text((folder / "task.json").read_text().replace("accuracy", "pearson"))
        table = pandas.DataFrame({"row": range(3), "text": "t", "gold": [1.0, 2.0, 3.0], "prediction": guess})
        table.to_parquet(folder / "predictions.parquet")
        parents[f"seed-{seed}"] = folder
    headline = evaluate(job(tmp_path, parents))
    assert headline["n"] == 1 and headline["mean"] > 0.9
    cell = json.loads((tmp_path / "out/cell.json").read_text())
    assert cell["metrics"]["pearson"]["values"]["2"] is None
    found = records.read(Details, tmp_path / "out" / DETAILS)
    assert [(flag.seed, flag.reason) for flag in found.flags] == [("2", "not finite")]


def test_details_of_a_test_without_labels(tmp_path):
    folder = finetune_run(tmp_path / "a", 5)
    described = json.loads((folder / "task.json").read_text()) | {"unlabelled": ["test"]}
    (folder / "task.json").write_text(json.dumps(described))
    evaluate(job(tmp_path, {"seed-0": folder}))
    assert records.read(Details, tmp_path / "out" / DETAILS) == Details(10, ["0"])
