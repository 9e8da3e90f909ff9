"""`only=finished`: the report is told which cells have no result, and whether a job that they need has failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from snakelm.artifacts import records
from snakelm.planning.plan import Plan, PlannedRun
from snakelm.planning.planner import make_plan
from snakelm.recipe.loading import load
from snakelm.runs.records import Failure, Manifest
from snakelm.runs.store import Store

SIZE = {"hidden_size": 16, "layers": 1, "heads": 1, "steps": 1}
RECIPE: dict[str, Any] = {
    "corpora": {"c": {"files": "a.txt"}},
    "tokenizers": {"t": {"corpus": "c", "kind": "byte_level_bpe", "vocab_size": 300}},
    "models": {"m": {"corpus": "c", "tokenizer": "t", "architecture": "gpt2", "objective": "clm", **SIZE}},
    "tasks": {"topic": {"type": "text_classification", "data": {"files": "b.csv"}}},
    "experiments": [{"model": "m", "tasks": "topic", "seeds": [1, 2], "baselines": ["majority"]}],
}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("one\n")
    Path("b.csv").write_text("text,label\na,x\nb,y\n")
    return Store()


def plan() -> Plan:
    return make_plan(load([], RECIPE, "test"), Store(), only_finished=True)


def finish(*runs: PlannedRun) -> None:
    for run in runs:
        run.folder.mkdir(parents=True)
        records.write(run.folder / "manifest.json", Manifest(run.stage, run.name, run.id, subject=run.subject))


def absent(of: Plan) -> dict[str, str]:
    (report,) = of.of("report")
    return {cell.init: cell.status for cell in report.typed().absent}  # type: ignore[attr-defined]


def test_cells_that_are_not_finished_are_told(store: Store) -> None:
    finish(*plan().of("fetch_corpus"))
    first = plan()
    assert absent(first) == {"pretrained": "missing", "random": "missing", "majority": "missing"}
    finish(*(run for run in first.runs.values() if run.subject.init == "random"))
    second = plan()
    assert absent(second) == {"pretrained": "missing", "majority": "missing"}
    assert first.of("report")[0].id != second.of("report")[0].id
    cell = second.of("report")[0].typed().absent[0]  # type: ignore[attr-defined]
    assert (cell.model, cell.task, cell.swept) == ("m", "topic", {})


def test_what_fails_fails_what_needs_it(store: Store) -> None:
    finish(*plan().of("fetch_corpus"))
    calm = plan()
    (pretraining,) = calm.of("pretrain")
    (majority,) = {calm.job_of[run] for run in calm.of("finetune") if run.subject.init == "majority"}
    for stage, job in (("pretrain", pretraining.folder.name), ("finetune", majority.key)):
        records.write(store.failure(stage, job), Failure(stage, job, "", ("out of memory",)))
    stormy = plan()
    assert absent(stormy) == {"pretrained": "failed", "random": "missing", "majority": "failed"}
    assert stormy.of("report")[0].id == calm.of("report")[0].id, "what failed is a circumstance"


def test_a_whole_recipe_has_no_absent_cells(store: Store) -> None:
    finish(*make_plan(load([], RECIPE, "test"), store).runs.values())
    assert absent(plan()) == {} and plan().of("report")[0].name == "report"
    whole = make_plan(load([], RECIPE, "test"), store)
    assert whole.of("report")[0].id == plan().of("report")[0].id
