"""Checks, cost, the facts of the machines, and what the page does with much."""

from __future__ import annotations

import json
from pathlib import Path

from snakelm.artifacts import records
from snakelm.metrics.details import DETAILS, Details, SeedFlag
from snakelm.report.config import ReportRunConfig
from snakelm.report.facts import duration
from snakelm.report.report import report
from snakelm.report.sections.checks import Check, checks
from snakelm.report.story import Story
from snakelm.runs.context import RunContext
from tests.report.fake_runs import Results, many, usual
from tests.report.test_report import Page, make


def looked_at(results: Results, root: Path) -> dict[str, Check]:
    context = RunContext("r", ReportRunConfig(), results.parents, root, root, subjects=results.subjects)
    return {check.title: check for check in checks(Story.of(context))}


def test_what_is_well_passes(tmp_path):
    results = usual(tmp_path / "results")
    found = looked_at(results, tmp_path)
    assert {title: found[title].level for title in ("Divergence", "Seeds")} == {"Divergence": "pass", "Seeds": "pass"}
    assert found["Baselines"].level == "warn" and "no baseline" in found["Baselines"].places[0]
    assert "Predictions" not in found and "Test rows in training" not in found  # nothing is known of them


def test_test_rows_in_training(tmp_path):
    results = Results(tmp_path / "results")
    for task, same in (("bad", 86), ("few", 3), ("good", 0)):
        folder = results.finetune("m", task, "pretrained", 1, 0.5)
        about = {"duplicates_of_training": {"test": same}, "rows": {"test": 96}}
        (folder / "task.json").write_text(json.dumps(about))
    found = looked_at(results, tmp_path)["Test rows in training"]
    assert found.level == "fail"
    assert found.places == [
        "bad: 86 of 96 test rows are training rows too",
        "few: 3 of 96 test rows are training rows too",
    ]


def test_held_out_text_repeated_data_and_few_seeds(tmp_path):
    results = Results(tmp_path / "results")
    results.corpus("leaky", documents={"train": 5}, held_out_texts_also_in_train=2)
    results.pretrain("often", steps=40, epochs=5.0)
    results.pretrain("too-often", steps=40, epochs=20.0)
    results.evaluate("often", "era", "pretrained", {1: 0.5})
    found = looked_at(results, tmp_path)
    assert (
        found["Test text in pretraining"].level == "warn"
        and "2 held-out" in found["Test text in pretraining"].places[0]
    )
    assert found["Repeated data"].level == "fail" and found["Repeated data"].places[0] == "too-often: 20 epochs"
    assert found["Seeds"].level == "warn" and found["Seeds"].places == ["often on era, pretrained: 1 seed"]


def test_divergence_is_a_loss_that_is_no_number_or_has_risen(tmp_path):
    results = Results(tmp_path / "results")
    for name, losses in {"fine": (5, 4, 3.9), "lost": (5, "nan", "inf"), "risen": (5, 3, 4.5)}.items():
        folder = results.pretrain(name, steps=10)
        rows = "".join(f"{step}\t{step}\t{loss}\t{loss}\n" for step, loss in enumerate(losses))
        (folder / "curve.tsv").write_text("step\ttokens\tloss\tvalidation_loss\n" + rows)
    found = looked_at(results, tmp_path)["Divergence"]
    assert found.level == "fail" and [place.partition(":")[0] for place in found.places] == ["lost", "lost", "risen"]


def test_odd_seeds_and_labels_that_are_never_predicted(tmp_path):
    results = Results(tmp_path / "results")
    folder = results.evaluate("m", "era", "pretrained", {1: 0.2, 2: 0.6, 3: 0.61})
    flag = SeedFlag("1", "collapsed", 0.2, 0.6, prediction="<b>old</b>")
    records.write(folder / DETAILS, Details(rows=10, seeds=["1", "2", "3"], flags=[flag]))
    found = looked_at(results, tmp_path)["Predictions"]
    assert found.level == "fail" and found.places == ["m on era, pretrained, seed 1: always predicts <b>old</b>"]
    page, *_ = make(results, tmp_path / "out")
    assert "always predicts <b>old</b>" in page.text and "b" not in {tag for tag, _ in page.tags}


def test_the_facts_of_the_machines_are_beside_the_page(tmp_path):
    results = usual(tmp_path / "results")
    config = {"command": "snakelm run --configfile a.yaml b.yaml --config 'x=<1>'", "recipe": "url: https://u:pw@h/x\n"}
    make(results, tmp_path / "out", **config)
    plain = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    full = (tmp_path / "out" / "circumstance" / "report.html").read_text(encoding="utf-8")
    assert "a.yaml" not in plain and 'id="cost"' not in plain and "time of all runs" not in plain
    page = Page(full)
    assert config["command"] in page.text and "url: https://***@h/x" in page.text and "u:pw" not in full
    assert "time of all runs" in page.text and "secret-host" not in full
    seconds = 12.5 * len(results.parents)
    assert duration(seconds).replace("\u202f", " ") in page.text.replace("\u202f", " ")


def test_durations():
    shown = {0.95: "0.95 s", 59: "59 s", 61: "1 min 01 s", 3599.7: "1 h 00 min", 7500: "2 h 05 min"}
    assert {seconds: duration(seconds).replace("\u202f", " ") for seconds in shown} == shown


def test_much_stays_small(tmp_path):
    """300 experiments: the rows are data of a table that has only those in view; no picture grows with them."""
    results = many(tmp_path / "results", 300, tasks=30)
    page, *_ = make(results, tmp_path / "out")
    assert not page.rows and len(page.tables["scoreboard"]["rows"]) == 600
    assert {"models.learning_rate"} <= {column["title"] for column in page.tables["scoreboard"]["columns"]}
    assert len(page.tables["runs"]["rows"]) == len(results.parents)
    assert (tmp_path / "out" / "report.html").stat().st_size < 2_000_000
    assert (tmp_path / "out" / "results.png").stat().st_size < 1_000_000
    assert sum(chart["title"].startswith("Fine-tuning") for chart in page.charts) == 24


def test_seconds_of_the_runs_do_not_change_the_page(tmp_path):
    made = []
    for seconds in (1, 99):
        results = usual(tmp_path / f"results-{seconds}")
        for folder in results.parents.values():
            manifest = json.loads((folder / "manifest.json").read_text())
            manifest["circumstance"] |= {"seconds": seconds, "finished": f"2026-01-01T00:00:{seconds}+00:00"}
            (folder / "manifest.json").write_text(json.dumps(manifest))
        out = tmp_path / str(seconds)
        out.mkdir()
        report(RunContext("r", ReportRunConfig(command=f"run {seconds}"), results.parents, out, out))
        made.append([(out / name).read_bytes() for name in ("report.html", "circumstance/report.html")])
    assert made[0][0] == made[1][0] and made[0][1] != made[1][1]
