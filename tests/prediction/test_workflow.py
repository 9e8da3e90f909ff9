"""A recipe with a hidden test, from its data to the report, and `snakelm predict` with what came of it."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tests.workspace import ROOT, Workspace


def test_a_hidden_test_and_new_rows(workspace: Workspace) -> None:
    here = workspace.folder
    shutil.copytree(ROOT / "tests/recipes", here / "tests/recipes")
    rows = list(csv.DictReader((here / "tests/recipes/topic.csv").read_text().splitlines()))
    with open(here / "hidden.csv", "w", newline="") as file:
        csv.writer(file).writerows([["text"], *([row["text"]] for row in rows[:9])])
    recipe = yaml.safe_load((here / "tests/recipes/tiny.yaml").read_text())
    recipe["tasks"]["hidden"] = {
        **recipe["tasks"]["topic"],
        "data": None,
        "train": {"files": "tests/recipes/topic.csv"},
        "test": {"files": "hidden.csv"},
    }
    recipe["experiments"] = [
        {"model": "tiny", "tasks": ["topic", "hidden"], "seeds": [2, 1], "init": ["pretrained"], "baselines": ["tfidf"]}
    ]
    del recipe["tasks"]["hidden"]["data"]
    (here / "r.yaml").write_text(yaml.safe_dump(recipe))
    asked = ("--configfile", "r.yaml")
    said = workspace.snakelm("predict", "finetune:topic", "hidden.csv", *asked, code=1)
    assert said.strip().endswith("--configfile r.yaml --cores all --config only=finetune:tiny.topic.pretrained.s2")
    workspace.snakelm("run", "--cores", "2", *asked)
    (manifest,) = (here / "results/evaluate").glob("tiny.hidden.pretrained-*/manifest.json")
    assert json.loads(manifest.read_text())["headline"]["note"] == "no labels: 9 predictions"
    page = (here / "results/report.html").read_text()
    assert "no labels: 9 predictions" in page and "hidden" in page
    scores = (here / "results/metrics.tsv").read_text()
    assert "topic" in scores and "hidden" not in scores

    before = {path for path in (here / "results").rglob("*") if ".work" not in path.parts}
    said = workspace.snakelm("predict", "finetune:tiny.hidden", "hidden.csv", "-o", "out.csv", *asked)
    assert "predicting with finetune:tiny.hidden.pretrained.s2 (seed 2 of 2, 1; --seed takes another)" in said
    assert before == {path for path in (here / "results").rglob("*") if ".work" not in path.parts}
    (folder,) = (here / "results/finetune").glob("tiny.hidden.pretrained.s2-*")
    with open(folder / "predictions.tsv") as file:
        table = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    predicted = list(csv.DictReader((here / "out.csv").read_text().splitlines()))
    assert [row["prediction"] for row in predicted] == [row["prediction"] for row in table]
    assert (folder / "predictions.txt").read_text().split() == [row["prediction"] for row in table]

    command = [sys.executable, "-m", "snakelm", "predict", "finetune:hidden", "-", "--format", "csv", *asked]
    environment = {"PYTHONPATH": str(here / "scripts"), "PATH": "/usr/bin:/bin", "HOME": str(Path.home())}
    with open(here / "hidden.csv") as file:
        done = subprocess.run(command, cwd=here, env=environment, stdin=file, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (here / "out.csv").read_text()
    said = workspace.snakelm("predict", "finetune:tiny.hidden.tfidf", "hidden.csv", *asked, code=1)
    assert said.strip().splitlines()[-1].startswith("finetune:tiny.hidden.tfidf: the baseline tfidf keeps no fitted")
