"""`on_code_change: keep`: what other code made is kept, unless the recipe asks for another value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from snakelm.artifacts import records
from snakelm.planning.plan import PlannedRun
from snakelm.planning.planner import make_plan
from snakelm.recipe.loading import load
from snakelm.runs.code import CodeDigests
from snakelm.runs.records import Manifest
from snakelm.runs.store import Store


def planned(**keys: Any) -> PlannedRun:
    corpus = {"files": "a.txt", **keys}
    recipe = load([], {"corpora": {"c": corpus}, "on_code_change": "keep"}, "test")
    return make_plan(recipe, Store()).of("fetch_corpus")[0]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a run look made, with recorded values and explicit keys as told, and then edits the code."""
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("one\n")

    def make(recorded: dict[str, Any], **explicit: Any) -> None:
        run = planned(**explicit)
        run.folder.mkdir(parents=True)
        config = {**run.identity, **recorded}
        manifest = Manifest(
            run.stage, run.name, run.id, key=run.key, config=config, explicit=dict(run.explicit),
            sources=dict(run.sources),
        )  # fmt: skip
        records.write(run.folder / "manifest.json", manifest)
        monkeypatch.setattr(CodeDigests, "stage", lambda *_: "edited")

    return make


def test_a_default_that_changed_with_the_code_is_kept_but_not_where_it_is_written_out(made: Any) -> None:
    """The default of `encoding` was `ascii` when the run was made; now it is `utf-8`."""
    made({"encoding": "ascii"})
    assert planned().kept
    assert not planned(encoding="utf-8").kept
    assert planned(encoding="ascii").kept  # written out as it was made
    assert not planned(encoding="latin-1").kept


def test_a_default_that_was_edited_and_is_asked_for_makes_the_run_again(made: Any) -> None:
    made({}, encoding="latin-1")
    assert planned(encoding="latin-1").kept
    assert not planned().kept  # explicit then, the default now: another value
    assert not planned(unit="line", encoding="latin-1").kept


def test_a_run_whose_manifest_names_files_is_kept_by_what_was_in_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of files, not their content, once stood in a run's config and its explicit keys."""
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("one\n")
    Path("b.txt").write_text("two\n")
    run = planned(files=["?.txt"], encoding="latin-1")
    entry = run.typed()
    run.folder.mkdir(parents=True)
    manifest = Manifest(
        run.stage, run.name, run.id, config=entry.identity(), explicit=entry.explicit(), sources=dict(run.sources)
    )
    assert manifest.config["files"] == ["?.txt"] and manifest.sources.keys() == {"a.txt", "b.txt"}
    records.write(run.folder / "manifest.json", manifest)
    run.folder.rename(run.folder.with_name("c-" + "0" * 12))  # other code, another id
    assert planned(files=["b.txt", "a.txt"], encoding="latin-1").kept
    assert not planned(files=["b.txt", "a.txt"]).kept
    assert not planned(files="a.txt", encoding="latin-1").kept
    Path("b.txt").write_text("three\n")
    assert not planned(files=["?.txt"], encoding="latin-1").kept
