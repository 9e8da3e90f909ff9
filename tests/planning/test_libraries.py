"""Versions of libraries: the plan tells of them, and `on_library_change` decides."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from snakelm.artifacts import records
from snakelm.planning.explanation import DONE, PlanLine, explain
from snakelm.planning.plan import Plan
from snakelm.planning.planner import make_plan
from snakelm.recipe.loading import load
from snakelm.runs import libraries, machine
from snakelm.runs.records import Manifest, Parent
from snakelm.runs.store import Store

NOW = {"torch": "2.13.0", "transformers": "5.23.0", "tokenizers": "0.23.3", "scikit-learn": "1.7", "matplotlib": "3"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("one\n")
    Path("t.csv").write_text("text,label\nfine,good\nawful,bad\n")


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    def install(**versions: str) -> None:
        found = NOW | {name.replace("_", "-"): version for name, version in versions.items()}
        monkeypatch.setattr(machine, "versions", lambda: found)
        libraries.installed.cache_clear()

    install()
    yield install
    libraries.installed.cache_clear()


def planned(change: str = "keep") -> Plan:
    recipe = {
        "on_library_change": change,
        "corpora": {"c": {"files": "a.txt"}},
        "tokenizers": {"t": {"corpus": "c", "family": "gpt2"}},
        "models": {"m": {"corpus": "c", "tokenizer": "t", "architecture": "gpt2", "steps": 3}},
        "tasks": {"k": {"type": "text_classification", "data": {"files": "t.csv"}}},
        "experiments": [{"model": "m", "tasks": "k", "seeds": [1], "init": ["pretrained"], "baselines": ["tfidf"]}],
    }
    return make_plan(load([], recipe, "test"), Store())


def finish(plan: Plan, adopted: bool = False) -> None:
    for run in plan.runs.values():
        if not run.done:
            run.folder.mkdir(parents=True)
            parents = {role: Parent(of.stage, of.name, of.canonical) for role, of in run.parents.items()}
            manifest = Manifest(
                run.stage, run.name, run.id, config=dict(run.identity), parents=parents, sources=dict(run.sources),
                code=run.code, versions=machine.versions(), adopted={} if adopted else None,
            )  # fmt: skip
            records.write(run.folder / "manifest.json", manifest)


def lines(plan: Plan) -> dict[str, PlanLine]:
    return {f"{line.stage}.{line.subject.init}" if line.subject.init else line.stage: line for line in explain(plan)}


def missing(plan: Plan) -> set[str]:
    return {kind for kind, line in lines(plan).items() if line.state != DONE}


def test_the_plan_tells_of_libraries_and_keeps_runs(install: Callable[..., None]) -> None:
    finish(planned())
    install(torch="2.14.0", scikit_learn="1.8", matplotlib="4")
    told = {kind: line.why for kind, line in lines(planned()).items() if line.why}
    assert told["pretrain"] == ["made with torch 2.13.0; now 2.14.0"]
    assert told["finetune.tfidf"] == ["made with scikit-learn 1.7; now 1.8"]
    assert told.keys() == {"pretrain", "finetune.pretrained", "finetune.tfidf", "evaluate.pretrained", "evaluate.tfidf"}
    assert not missing(planned())
    install(torch="2.13.0+cpu")
    assert not any(line.why for line in lines(planned()).values()), "another build is the same version"


def test_rerun_makes_what_other_versions_made_and_what_is_below(install: Callable[..., None]) -> None:
    finish(planned())
    assert not missing(planned("rerun")), "going over to rerun makes nothing again by itself"
    install(torch="2.14.0")
    below = {"pretrain", "finetune.pretrained", "evaluate.pretrained", "report"}
    plan = planned("rerun")
    assert missing(plan) == below
    assert lines(plan)["pretrain"].why == ["made with torch 2.13.0; now 2.14.0"]
    finish(plan)
    assert not missing(planned("rerun")) and not missing(planned("keep"))
    again = {run.id for run in planned("rerun").of("pretrain")}
    assert again != {run.id for run in planned("keep").of("pretrain")}
    install()  # back to what there was first
    assert not missing(planned("rerun"))
    assert not again & {run.id for run in planned("rerun").of("pretrain")}


def test_an_adopted_run_is_not_made_again(install: Callable[..., None]) -> None:
    finish(planned(), adopted=True)
    install(torch="2.14.0")
    assert not missing(planned("rerun"))
    assert not any(line.why for line in lines(planned()).values() if line.why != ["adopted"])


def test_the_versions_that_count_are_read_without_importing_anything() -> None:
    code = (
        "import sys; from snakelm.runs import libraries; from snakelm.runs.stages import STAGES; "
        "found = libraries.counting('pretrain', {}); assert found['torch'] and '+' not in found['torch']; "
        "assert set(libraries.BASELINES).union(*(stage.libraries for stage in STAGES.values())) "
        "<= set(libraries.installed()); "
        "print({'torch', 'transformers', 'numpy', 'pandas', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr
