"""What lies beside the runs keeps in step with the plan, however often it is looked at."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from snakelm.artifacts import records
from snakelm.planning.explanation import TO_DO, explain
from snakelm.planning.links import note_cells
from snakelm.planning.plan import Plan
from snakelm.planning.planner import make_plan
from snakelm.recipe.loading import load
from snakelm.runs.records import Manifest

RECIPE = """
corpora: {c: {files: text.txt, split: none}}
tokenizers: {t: {corpus: c, vocab_size: 300}}
models: {m: {corpus: c, tokenizer: t, steps: 2}}
tasks: {k: {type: text_classification, data: {files: rows.csv}}}
experiments: [{model: m, tasks: k, seeds: [1, 2], init: [random]}]
"""


def plan() -> Plan:
    return make_plan(load(["r.yaml"]), name="r")


@pytest.fixture
def finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A recipe of which every run looks complete, and its cell is noted."""
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("one two\n")
    Path("rows.csv").write_text("text,label\nyes,a\nno,b\n")
    Path("r.yaml").write_text(RECIPE)
    for run in plan().runs.values():
        run.folder.mkdir(parents=True)
        for name in ("manifest.json", ".manifest.json"):
            records.write(run.folder / name, Manifest(run.stage, run.name, run.id))
    note_cells(plan())
    return plan()


def test_a_damaged_run_stays_in_nobodys_way(finished: Plan) -> None:
    (cell,) = (job for job in finished.jobs if job.stage == "finetune")
    assert cell.target.exists()
    (corpus,) = finished.of("fetch_corpus")
    for name in ("manifest.json", ".manifest.json"):
        (corpus.folder / name).write_bytes(b"\0")
    note_cells(plan())
    assert not (corpus.folder / "manifest.json").exists()
    # Nothing has been made since: the next look finds the copy damaged still, and what happened to other runs.
    shutil.rmtree(cell.runs[0].folder)
    note_cells(plan())
    assert not cell.target.exists()


@pytest.mark.parametrize("content", ["[]", "{}", '{"stage": 1, "name": "c"}', '{"stage": "fetch_corpus", "na'])
def test_a_run_whose_manifest_and_copy_are_bad_is_planned_again(finished: Plan, content: str) -> None:
    (corpus,) = finished.of("fetch_corpus")
    for name in ("manifest.json", ".manifest.json"):
        (corpus.folder / name).write_text(content)
    for keep in ("rerun", "keep"):
        recipe = load(["r.yaml"], {"on_code_change": keep})
        line = explain(make_plan(recipe, name="r"), "fetch_corpus:c")[0]
        assert line.state == TO_DO and "its manifest and the copy of it cannot be read" in line.why[0]
