"""A test without labels in the report: its cell is named, and has no score."""

from __future__ import annotations

from snakelm.runs.records import Subject
from tests.report.fake_runs import Results
from tests.report.test_report import make, words

HEADER = "seed\tmetric\tvalue\tn\tmain\tgreater_is_better\n"


def hidden(results: Results, task: str) -> None:
    subject = Subject(model="tiny", task=task, init="pretrained")
    headline = {"metric": "accuracy", "note": "no labels: 9 predictions", "n": 2}
    results.add("evaluate", f"tiny.{task}.pretrained", subject, {"metrics.tsv": HEADER}, headline=headline)


def test_beside_a_test_with_labels(tmp_path):
    results = Results(tmp_path / "results")
    results.evaluate("tiny", "era", "pretrained", {1: 0.5, 2: 0.6})
    hidden(results, "<b>kept</b>")
    page, headline, scores = make(results, tmp_path / "out")
    assert "<b>kept</b> (tiny, pretrained) – no labels: 9 predictions" in words(page.text)
    assert {row["task"] for row in scores} == {"era"}


def test_alone(tmp_path):
    results = Results(tmp_path / "results")
    hidden(results, "kept")
    page, headline, scores = make(results, tmp_path / "out")
    assert "kept (tiny, pretrained) – no labels: 9 predictions" in words(page.text) and scores == []
    assert "no finished experiments" not in page.text
