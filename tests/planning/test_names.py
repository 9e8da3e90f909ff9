"""Names are for people: sweeps over floats put dots into them, and nothing takes them apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from snakelm.core.errors import UserError
from snakelm.planning.explanation import explain
from snakelm.planning.planner import make_plan
from snakelm.recipe.loading import load
from snakelm.runs.records import Subject

RECIPE = """
corpora: {c: {files: text.txt, split: none}}
tokenizers: {t: {corpus: c, vocab_size: 300}}
models:
  tiny:
    corpus: c
    tokenizer: t
    steps: 2
    sweep: {learning_rate: [0.001, 0.0003]}
tasks:
  topic:
    type: text_classification
    data: {files: rows.csv}
    sweep: {learning_rate: [0.0001, 0.00003]}
experiments: [{model: tiny, tasks: topic, seeds: [1, 2], init: [pretrained, random]}]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("one two\n")
    Path("rows.csv").write_text("text,label\nyes,a\nno,b\n")
    Path("r.yaml").write_text(RECIPE)


def test_what_a_run_is_about_is_in_its_fields():
    plan = make_plan(load(["r.yaml"]), name="r")
    cells = {(run.subject.model, run.subject.task, run.subject.init) for run in plan.of("evaluate")}
    # The random twins of the two models are one, under the name of the first.
    models, tasks = ("tiny-learning_rate=0.001", "tiny-learning_rate=0.0003"), ("0.0001", "3e-05")
    wanted = {(model, f"topic-learning_rate={rate}", "pretrained") for model in models for rate in tasks}
    wanted |= {(models[0], f"topic-learning_rate={rate}", "random") for rate in tasks}
    assert cells == wanted
    tuned = next(run for run in plan.of("finetune") if run.subject.init == "pretrained")
    assert tuned.subject == Subject(
        model=models[0],
        task="topic-learning_rate=0.0001",
        init="pretrained",
        seed=1,
        swept={"models": {"learning_rate": 0.001}, "tasks": {"learning_rate": 0.0001}},
    )
    (report,) = plan.of("report")
    about = {(subject.model, subject.task, subject.init) for subject in report.roles.values() if subject.seed}
    assert about == {(model, f"topic-learning_rate={rate}", init) for model in models for rate in tasks for init in
                     ("pretrained", "random")}  # fmt: skip
    assert {line.subject.model for line in explain(plan) if line.stage == "pretrain"} == set(models)


def test_what_is_missing_is_said_with_the_whole_name_of_its_entry():
    Path("rows.csv").unlink()
    with pytest.raises(UserError) as caught:
        make_plan(load(["r.yaml"]))
    assert [line.partition(": ")[0] for line in caught.value.lines] == [
        "tasks.topic-learning_rate=0.0001",
        "tasks.topic-learning_rate=3e-05",
    ]
