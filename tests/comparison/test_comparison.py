"""Two recipes side by side: what changed, and the differences of their scores."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from snakelm.cli.main import main
from snakelm.comparison.changes import Change, changes
from snakelm.comparison.differences import only_in, pairs
from snakelm.comparison.page import contrast, write_page
from snakelm.comparison.sides import Side
from snakelm.recipe.loading import load
from snakelm.report.config import ReportRunConfig
from snakelm.report.story import Story
from snakelm.runs.context import RunContext
from tests.report.fake_runs import Results
from tests.report.test_report import Page

RECIPE = """
corpora:
  c: {files: [t.txt]}
tokenizers:
  t: {corpus: c, kind: byte_level_bpe, vocab_size: 300}
"""


def story(root: Path, scores: dict[int, float], model: str = "tiny", more: bool = False) -> Story:
    results = Results(root)
    results.evaluate(model, "era", "pretrained", scores)
    results.evaluate(model, "era", "random", {1: 0.3, 2: 0.31, 3: 0.29})
    if more:
        results.evaluate(model, "year", "pretrained", scores)
    return Story.of(RunContext("r", ReportRunConfig(), results.parents, root, root))


def write(folder: Path, name: str, text: str) -> Path:
    (folder / "t.txt").write_text("some text\n")
    (folder / name).write_text(text)
    return folder / name


def test_differences_are_paired_by_seed(tmp_path):
    """New − old is .10, .11, .12: mean .11, s = .01, and t(0.975, 2) = 4.302653 gives ± .024842."""
    old = story(tmp_path / "a", {1: 0.5, 2: 0.6, 3: 0.7})
    new = story(tmp_path / "b", {1: 0.6, 2: 0.71, 3: 0.82}, more=True)
    pretrained, random = pairs(old, new)
    assert pretrained.sentence == "era (tiny, pretrained): better, +0.110 [+0.085, +0.135]"
    assert random.difference.estimate is not None and random.difference.estimate.value == 0
    assert only_in(new, old, [pretrained, random]) == ["year (tiny, pretrained)"]
    assert only_in(old, new, [pretrained, random]) == []


def test_models_of_other_names_are_found_where_they_are_the_only_ones(tmp_path):
    old, new = story(tmp_path / "a", {1: 0.5, 2: 0.6}), story(tmp_path / "b", {1: 0.5, 2: 0.6}, model="large")
    assert [pair.model for pair in pairs(old, new)] == ["tiny → large", "tiny → large"]


def test_the_same_evaluation_is_no_difference(tmp_path):
    one = story(tmp_path / "a", {1: 0.5, 2: 0.6})
    assert [pair.sentence for pair in pairs(one, one)][0] == "era (tiny, pretrained): the same run, 0.550"


def test_changes_are_key_by_key(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    old = load([write(tmp_path, "a.yaml", RECIPE)])
    new = load([write(tmp_path, "b.yaml", RECIPE.replace("vocab_size: 300", "vocab_size: 400, min_frequency: 3"))])
    assert changes(old, new) == [
        Change("tokenizers.t.min_frequency", "", "3"),
        Change("tokenizers.t.vocab_size", "300", "400"),
    ]
    assert changes(old, old) == []


def test_the_page_says_it_all(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = load([write(tmp_path, "a.yaml", RECIPE)])
    old = Side("<b>old</b>", recipe, story(tmp_path / "a", {1: 0.5, 2: 0.6, 3: 0.7}))
    new = Side("new", recipe, story(tmp_path / "b", {1: 0.6, 2: 0.71, 3: 0.82}))
    write_page([contrast(old, new)], tmp_path / "page.html")
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "No setting differs." in page.text and "<b>old</b> → new" in page.text
    assert "era (tiny, pretrained): better, +0.110 [+0.085, +0.135]" in page.text
    assert page.charts[0]["series"][0]["y"] == pytest.approx([0.11, 0])
    assert "b" not in {tag for tag, _ in page.tags}


def test_the_command_compares_files_and_revisions(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "a.yaml", RECIPE)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "a.yaml"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], check=True)
    write(tmp_path, "a.yaml", RECIPE.replace("300", "400"))
    with pytest.raises(SystemExit) as stop:
        main(["report", "a.yaml@HEAD", "a.yaml", "--output", "page.html"])
    assert stop.value.code == 0
    assert "tokenizers.t.vocab_size: 300 → 400" in capsys.readouterr().out
    assert "no finished task in common" in (tmp_path / "page.html").read_text()
    for arguments, said in ((["a.yaml"], "name two recipes"), (["a.yaml", "a.yaml@HEAD~9"], "not in git")):
        with pytest.raises(SystemExit) as stop:
            main(["report", *arguments])
        assert stop.value.code == 1 and said in capsys.readouterr().err
