"""Names that people give to recipes, entries and folders: any of them works."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from snakelm.planning.planner import LONGEST_LABEL, _label
from tests.workspace import Workspace

RECIPE = "corpora: {c: {files: text.txt, unit: line, split: none}}\n"


@pytest.mark.parametrize("name", ["two words", "récit (1)", "it's", "-x", '"{brace}" $HOME', "日本", "l" * 200])
def test_a_recipe_may_be_called_anything(name: str, workspace: Workspace) -> None:
    (workspace.folder / "text.txt").write_text("one\ntwo\n")
    (workspace.folder / f"{name}.yaml").write_text(RECIPE)
    printed = workspace.snakelm("run", "--cores", "1", f"--configfile={name}.yaml")
    assert "report      results/report.html" in printed and "left to do" not in printed


def test_a_checkout_may_lie_in_a_folder_with_braces_and_blanks(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "a {b} c's")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "text.txt").write_text("one\ntwo\n")
    (elsewhere / "r.yaml").write_text(RECIPE)
    snakefile, recipe = workspace.folder / "Snakefile", elsewhere / "r.yaml"
    workspace.snakemake("--snakefile", str(snakefile), "-d", str(elsewhere), "--configfile", str(recipe))
    assert (elsewhere / "results" / "report.html").exists()
    shutil.rmtree(elsewhere)


def test_a_long_outside_model_still_makes_a_file_name() -> None:
    one, other = "./" + "m" * 300, "./" + "m" * 301
    assert len(_label(one)) <= LONGEST_LABEL and _label(one) != _label(other)
    assert _label("owner/name") == "owner_name"
