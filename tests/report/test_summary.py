"""summary.tsv against numbers that plain code makes of the prediction files; verdicts; cells without a result."""

from __future__ import annotations

import csv
import json
import math
import random
import statistics
from pathlib import Path
from typing import Any

import pandas
import pytest
from scipy import stats

from snakelm.evaluate.config import EvaluateConfig
from snakelm.evaluate.evaluate import evaluate
from snakelm.report.config import AbsentCell, ReportRunConfig
from snakelm.report.report import report
from snakelm.report.tables import SUMMARY
from snakelm.runs.context import RunContext
from snakelm.runs.records import Parent, Subject
from tests.report.fake_runs import Results
from tests.report.test_report import Page

ROWS = 120
TYPES = {"topic": ("text_classification", "accuracy"), "size": ("regression", "pearson")}
QUALITY = {"pretrained": 1.3, "random": 0.5, "tfidf": 0.7, "majority": 0.1}


def predictions(task: str, init: str, seed: int, rows: int, split: str) -> pandas.DataFrame:
    gold_of = random.Random(f"{task} {split}")
    gold = [gold_of.gauss(0, 1) for _ in range(rows)]
    hard = [gold_of.gauss(0, 0.6) for _ in range(rows)]  # of a row, for all
    draw = random.Random(f"{task} {split} {init} {seed}")
    quality = QUALITY[init] + draw.gauss(0, 0.04)
    guess = [quality * g + h + draw.gauss(0, 0.4) for g, h in zip(gold, hard, strict=True)]
    if task == "topic":
        gold, guess = (["ab"[x > 0] for x in side] for side in (gold, guess))
    return pandas.DataFrame({"row": range(rows), "gold": gold, "prediction": guess})


def finetuned(folder: Path, task: str, init: str, seed: int) -> Path:
    folder.mkdir(parents=True)
    predictions(task, init, seed, ROWS, "test").to_parquet(folder / "predictions.parquet")
    predictions(task, init, seed, 30, "validation").to_parquet(folder / "predictions-validation.parquet")
    kind, metric = TYPES[task]
    (folder / "task.json").write_text(
        json.dumps({"type": kind, "metric": metric, "rows": {"test": ROWS}, "init": init, "seed": seed})
    )
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, Path]:
    """Two tasks, three seeds, two baselines (which are there once), as the stages leave them."""
    root = tmp_path_factory.mktemp("summary")
    results = Results(root / "results")
    for task in TYPES:
        for init in QUALITY:
            seeds = (1, 2, 3) if init in ("pretrained", "random") else (1,)
            folders = {f"seed-{s}": finetuned(root / "tuned" / f"{task}.{init}.{s}", task, init, s) for s in seeds}
            parents = {role: Parent("finetune", "", f"{task}-{init}-{role}") for role in folders}
            subject = Subject(model="tiny", task=task, init=init, swept={"models": {"layers": 2}})
            config = {"confidence": 0.95}
            out = results.add("evaluate", f"tiny.{task}.{init}", subject, parents=parents, config=config)
            evaluate(RunContext("cell", EvaluateConfig(), folders, out, root / "work"))
    return results, root / "tuned"


def write(results: Results, out: Path, **config: Any) -> tuple[list[dict[str, str]], list[dict[str, str]], Page, Any]:
    out.mkdir()
    context = RunContext("default", ReportRunConfig(**config), results.parents, out, out, subjects=results.subjects)
    headline = report(context)
    tables = []
    for name in ("summary.tsv", "metrics.tsv"):
        with (out / name).open(encoding="utf-8", newline="") as lines:
            tables.append(list(csv.DictReader(lines, delimiter="\t")))
    return *tables, Page((out / "report.html").read_text(encoding="utf-8")), headline


# --- the independent script: prediction files → numbers, in plain Python ---


def score(task: str, gold: list[Any], guess: list[Any]) -> float:
    if task == "topic":
        return sum(a == b for a, b in zip(gold, guess, strict=True)) / len(gold)
    return statistics.correlation(gold, guess)


def seed_scores(folder: Path, task: str) -> tuple[float, list[float]]:
    """A run's score, and what each row contributes to it by the jackknife."""
    table = pandas.read_parquet(folder / "predictions.parquet")
    gold, guess = table["gold"].tolist(), table["prediction"].tolist()
    whole, n = score(task, gold, guess), len(gold)
    pseudo = [n * whole - (n - 1) * score(task, gold[:r] + gold[r + 1 :], guess[:r] + guess[r + 1 :]) for r in range(n)]
    whole, mean = round(whole, 6), sum(pseudo) / n
    return whole, [value - mean + whole for value in pseudo]


def interval(table: list[list[float]]) -> tuple[float, float, float]:
    """(mean, low, high) of a table of seeds × rows."""
    seeds, rows = len(table), len(table[0])
    mean = sum(map(sum, table)) / (seeds * rows)
    of_seed = [sum(row) / rows for row in table]
    of_row = [sum(column) / seeds for column in zip(*table, strict=True)]
    ms_s = rows * sum((x - mean) ** 2 for x in of_seed) / max(seeds - 1, 1)
    ms_r = seeds * sum((x - mean) ** 2 for x in of_row) / (rows - 1)
    rest = sum((table[s][r] - of_seed[s] - of_row[r] + mean) ** 2 for s in range(seeds) for r in range(rows))
    ms_e = rest / (max(seeds - 1, 1) * (rows - 1))
    a, b = ms_s / (seeds * rows), max(ms_r - ms_e, 0) / (seeds * rows)
    df = (a + b) ** 2 / (a**2 / (seeds - 1) + b**2 / (rows - 1))
    narrow = stats.t.ppf(0.975, df) * math.sqrt(a + b)
    wide = math.sqrt(stats.t.ppf(0.975, seeds - 1) ** 2 * a + stats.t.ppf(0.975, rows - 1) ** 2 * b)
    half = (narrow + wide) / 2
    return mean, mean - half, mean + half


@pytest.mark.parametrize("task", TYPES)
def test_every_number_is_that_of_the_predictions(made, tmp_path, task):
    results, tuned = made
    summary, *_ = write(results, tmp_path / "out")
    row = next(row for row in summary if row["task"] == task)
    folders = {init: sorted(tuned.glob(f"{task}.{init}.*")) for init in QUALITY}
    tables = {init: [seed_scores(folder, task)[1] for folder in found] for init, found in folders.items()}
    assert [len(tables[init]) for init in QUALITY] == [3, 3, 1, 1]
    best = max(("tfidf", "majority"), key=lambda init: statistics.mean(tables[init][0]))

    def minus(other: list[list[float]]) -> list[list[float]]:
        others = other * (3 // len(other))
        return [[x - y for x, y in zip(a, b, strict=True)] for a, b in zip(tables["pretrained"], others, strict=True)]

    for name, table in (
        ("pretrained", tables["pretrained"]),
        ("diff_random", minus(tables["random"])),
        ("diff_baseline", minus(tables[best])),
    ):
        found = [float(row[key]) for key in (name, f"{name}_low", f"{name}_high")]
        assert found == pytest.approx(interval(table), abs=2e-5), name
    for other in ("random", "baseline"):
        low, high = float(row[f"diff_{other}_low"]), float(row[f"diff_{other}_high"])
        assert row[f"verdict_{other}"] == ("better" if low > 0 else "worse" if high < 0 else "inconclusive")
    assert float(row["random"]) == pytest.approx(statistics.mean(map(statistics.mean, tables["random"])), abs=1e-6)
    assert row["best_baseline_name"] == best == "tfidf"
    assert float(row["best_baseline"]) == pytest.approx(statistics.mean(tables[best][0]), abs=1e-6)
    metric = TYPES[task][1]
    rest = {"model": "tiny", "metric": metric, "greater_is_better": "true", "seeds": "3", "rows": "120"}
    assert rest.items() <= row.items() and list(row) == [*SUMMARY, "models.layers"] and row["models.layers"] == "2"


def test_metrics_names_runs_splits_and_swept_keys(made, tmp_path):
    results, _ = made
    _, metrics, *_ = write(results, tmp_path / "out")
    evaluation = results.parents["evaluate:tiny.topic.tfidf"].name.rpartition("-")[2]
    found = [row for row in metrics if (row["task"], row["init"], row["metric"]) == ("topic", "tfidf", "accuracy")]
    assert [(row["seed"], row["split"], row["n"]) for row in found] == [("", "test", "120"), ("", "validation", "30")]
    assert {row["evaluation"] for row in found} == {evaluation} and {row["models.layers"] for row in metrics} == {"2"}
    assert {row["run"] for row in found} == {"topic-tfidf-seed-1"}
    assert {row["run"] for row in metrics if row["seed"] == "2" and row["init"] == "random"} == {
        "topic-random-seed-2",
        "size-random-seed-2",
    }
    assert {row["status"] for row in metrics} == {"ok"}


def test_the_page_says_what_is_covered_and_who_the_rival_is(made, tmp_path):
    *_, page, headline = write(made[0], tmp_path / "out")
    text = " ".join(page.text.split())
    assert "The intervals cover other seeds and other test rows" in text
    assert "best baseline is the one with the best mean on validation." in text
    assert headline["answers"][0].startswith("size: pretraining helps, +") and "better than TF-IDF (0." in text
    assert "same in every seed" not in text


def test_the_margin_makes_differences_equivalent(made, tmp_path):
    results, _ = made
    again = Results(results.root)
    again.parents = dict(results.parents)
    for folder in again.parents.values():
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["config"]["margin"] = {"accuracy": 0.9}
        (tmp_path / folder.name).mkdir()
        for file in folder.iterdir():
            (tmp_path / folder.name / file.name).write_bytes(file.read_bytes())
        (tmp_path / folder.name / "manifest.json").write_text(json.dumps(manifest))
    again.parents = {role: tmp_path / folder.name for role, folder in results.parents.items()}
    summary, *_, headline = write(again, tmp_path / "out")
    assert {row["task"]: row["verdict_random"] for row in summary} == {"topic": "equivalent", "size": "better"}
    assert any("makes no difference beyond ±0.9" in answer for answer in headline["answers"])


def test_cells_without_a_result_are_rows_that_say_so(made, tmp_path):
    results, _ = made
    again = Results(results.root)
    gone = ("evaluate:tiny.topic.random", "evaluate:tiny.size.pretrained")
    again.parents = {role: folder for role, folder in results.parents.items() if role not in gone}
    absent = [
        AbsentCell(model="tiny", task="topic", init="random", failed=True),
        AbsentCell(model="tiny", task="size", init="pretrained"),
        AbsentCell(model="big", task="topic", init="pretrained", swept={"models": {"layers": 9}}),
    ]
    summary, metrics, page, headline = write(again, tmp_path / "out", absent=absent)
    verdicts = {(row["model"], row["task"]): (row["verdict_random"], row["verdict_baseline"]) for row in summary}
    assert verdicts == {
        ("tiny", "size"): ("missing", "missing"),
        ("big", "topic"): ("missing", ""),
        ("tiny", "topic"): ("failed", "better"),
    }
    status = [(row["model"], row["task"], row["init"], row["status"]) for row in metrics if row["status"] != "ok"]
    assert ("tiny", "topic", "random", "failed") in status and len(status) == 3
    assert next(row["models.layers"] for row in metrics if row["model"] == "big") == "9"
    assert "tiny on size: pretrained missing" in headline["answers"]
    assert "big on topic: no result (missing)" in headline["answers"] and "tiny, topic, random: failed." in page.text


def test_nothing_but_absent_cells(tmp_path):
    absent = [AbsentCell(model="tiny", task="topic", init="random", failed=True)]
    summary, metrics, page, _ = write(Results(tmp_path / "results"), tmp_path / "out", absent=absent)
    assert [row["verdict_random"] for row in summary] == ["failed"] and len(metrics) == 1
    assert "no finished experiments" in page.text and "tiny, topic, random: failed." in page.text


def test_a_seed_without_a_value_leaves_the_others(made, tmp_path):
    """A model that diverged in one seed: the others are compared, and the page says that one is lost."""
    results = Results(tmp_path / "results")
    for init, scores in (("pretrained", {1: 0.7, 2: math.nan, 3: 0.8}), ("random", {1: 0.5, 2: 0.5, 3: 0.6})):
        results.evaluate("tiny", "topic", init, scores)
    for init in ("pretrained", "random"):
        results.evaluate("tiny", "other", init, {1: math.nan if init == "random" else 0.5})
    summary, *_ = write(results, tmp_path / "out")
    assert {row["task"]: (row["verdict_random"], row["seeds"]) for row in summary} == {
        "other": ("failed", "1"),
        "topic": ("better", "2"),
    }
