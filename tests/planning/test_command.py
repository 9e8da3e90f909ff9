"""The report is told the command and the recipe, which enter no id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from snakelm.planning.plan import PlannedRun
from snakelm.planning.planner import make_plan
from snakelm.recipe.loading import load
from snakelm.runs.store import Store

RECIPE = """
corpora:
  c: {files: [t.txt]}
tokenizers:
  t: {corpus: c, kind: byte_level_bpe, vocab_size: 300}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.txt").write_text("some text\n")
    Path("a.yaml").write_text(RECIPE)
    Path("b.yaml").write_text("tokenizers: {t: {min_frequency: 3}}\n")


def report_of(files: list[str], overrides: dict[str, Any] | None = None) -> PlannedRun:
    (run,) = make_plan(load(files, overrides), Store(), "a").of("report")
    return run


def test_every_file_and_override_is_in_the_command() -> None:
    settings = report_of(["a.yaml", "b.yaml"], {"tokenizers": {"t": {"vocab_size": 310}}, "plugins": []}).settings()
    assert settings["command"] == (
        'snakelm run --configfile a.yaml b.yaml --config \'tokenizers={"t": {"vocab_size": 310}}\' plugins=[]'.replace(
            "plugins=[]", "'plugins=[]'"
        )
    )
    assert "vocab_size: 310" in settings["recipe"] and "min_frequency: 3" in settings["recipe"]


def test_the_way_in_which_a_recipe_is_read_enters_no_id() -> None:
    Path("c.yaml").write_text(RECIPE)
    first, second = report_of(["a.yaml"]), report_of(["c.yaml"])
    assert first.settings()["command"] != second.settings()["command"]
    assert first.id == second.id and "command" not in first.identity and "recipe" not in first.identity


def test_the_config_of_another_workflow_has_no_command() -> None:
    recipe = load([], {"corpora": {"c": {"files": ["t.txt"]}}}, "config of module m")
    (run,) = make_plan(recipe, Store(), "m").of("report")
    assert run.settings()["command"] == "" and "t.txt" in run.settings()["recipe"]
