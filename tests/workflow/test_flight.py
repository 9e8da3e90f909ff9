"""Edits while jobs wait or run: no run ever carries a manifest that does not describe it."""

from __future__ import annotations

import json
import shutil

import pytest

from snakelm.runs.code import CodeDigests
from tests.workspace import Workspace

RECIPE = "corpora: {c: {files: text.txt, unit: line, split: none}}\n"


@pytest.fixture
def ordered(workspace: Workspace) -> Workspace:
    """A workspace in which a fetch_corpus job has been submitted and waits; `.run` is its folder."""
    (workspace.folder / "text.txt").write_text("one\ntwo\nthree\n")
    return order(workspace, RECIPE)


def order(workspace: Workspace, recipe: str) -> Workspace:
    (workspace.folder / "r.yaml").write_text(recipe)
    workspace.run = workspace.order()
    return workspace


def start(workspace: Workspace, code: int = 0) -> str:
    target = (workspace.run / "manifest.json").relative_to(workspace.folder)
    workspace.run.mkdir(parents=True, exist_ok=True)  # as Snakemake does for an output
    return workspace.python("scripts/fetch_corpus.py", str(target), "--log", "log.txt", code=code)


def add(workspace: Workspace, path: str, line: str) -> None:
    file = workspace.folder / path
    file.write_text(f"{file.read_text()}\n\n{line}\n")


def refused(workspace: Workspace, said: str) -> None:
    printed = start(workspace, code=1)
    assert said in printed and "Traceback" not in printed
    assert "by hand: python " in printed
    assert not workspace.run.exists()
    assert not list((workspace.folder / "results" / "fetch_corpus").glob("*"))


def test_a_job_makes_what_it_was_submitted_as_though_the_recipe_was_edited(ordered):
    (ordered.folder / "r.yaml").write_text(RECIPE.replace("line", "file"))
    start(ordered)
    manifest = json.loads((ordered.run / "manifest.json").read_text())
    assert manifest["config"]["unit"] == "line" and manifest["headline"]["documents"]["train"] == 3
    assert ordered.run.name == f"c-{manifest['id']}"


def test_a_job_runs_the_code_that_it_was_submitted_with(ordered):
    before = CodeDigests(ordered.folder / "scripts").stage("fetch_corpus")
    add(ordered, "scripts/snakelm/fetch_corpus/clean.py", "raise SystemError('edited')")
    add(ordered, "scripts/fetch_corpus.py", "raise SystemError('edited')")
    start(ordered)
    assert json.loads((ordered.run / "manifest.json").read_text())["code"] == before
    assert CodeDigests(ordered.folder / "scripts").stage("fetch_corpus") != before


def test_a_job_refuses_when_its_copy_of_the_code_was_edited(ordered):
    (copy,) = (ordered.folder / "results" / ".work" / "code").iterdir()
    clean = (copy / "snakelm" / "fetch_corpus" / "clean.py").relative_to(ordered.folder)
    add(ordered, str(clean), "# a remark changes nothing")
    workspace_file = ordered.folder / clean
    workspace_file.write_text(workspace_file.read_text() + "\nADDED = 1\n")
    refused(ordered, "the code of fetch_corpus changed since this job was submitted")
    ordered.order()  # what the line says: the next start makes the copy anew
    start(ordered)
    assert (ordered.run / "manifest.json").exists()


def test_a_job_whose_copy_is_gone_says_so(ordered):
    shutil.rmtree(ordered.folder / "results" / ".work" / "code")
    refused(ordered, "the code that this job was submitted with is gone")


def test_a_job_refuses_when_a_source_was_edited_since(ordered):
    (ordered.folder / "text.txt").write_text("one\ntwo\nother\n")
    refused(ordered, "a source changed since this job was submitted")


def test_a_job_that_nobody_ordered_says_so(workspace):
    workspace.run = workspace.folder / "results" / "fetch_corpus" / "c-0123456789ab"
    refused(workspace, "this run was not ordered")


def test_an_edit_of_the_code_while_it_runs_leaves_the_manifest_true(workspace):
    """The source's callable breaks every module: what runs is the code of the start, and the manifest says so."""
    (workspace.folder / "rows.py").write_text(
        "from pathlib import Path\n"
        "def load():\n"
        "    for file in Path('scripts/snakelm').rglob('*.py'):\n"
        "        file.write_text(file.read_text() + '\\n\\nraise SystemError(__name__)\\n')\n"
        "    import snakelm.pretrain.config\n"  # no part of the stage, so nobody had imported it
        "    return ['one', 'two']\n"
    )
    order(workspace, 'corpora: {c: {python: "rows:load", split: none}}\n')
    before = CodeDigests(workspace.folder / "scripts").stage("fetch_corpus")
    start(workspace)
    assert json.loads((workspace.run / "manifest.json").read_text())["code"] == before
    assert CodeDigests(workspace.folder / "scripts").stage("fetch_corpus") != before


def test_a_source_that_changes_while_it_is_read_is_refused(workspace):
    (workspace.folder / "text.txt").write_text("one\n")
    (workspace.folder / "rows.py").write_text(
        "from pathlib import Path\n"
        "def load():\n"
        "    Path('text.txt').write_text('other')\n"
        "    return Path('text.txt').read_text().split()\n"
    )
    order(workspace, 'corpora: {c: {python: "rows:load", reads: [text.txt], split: none}}\n')
    printed = start(workspace, code=1)
    assert "text.txt" in printed and "changed" in printed and "Traceback" not in printed
    assert not workspace.run.exists()


def test_a_baseline_does_not_wait_for_torch(workspace):
    (workspace.folder / "rows.csv").write_text("text,label\n" + "one two,a\nthree,b\n" * 20)
    (workspace.folder / "text.txt").write_text("one two three\n")
    (workspace.folder / "r.yaml").write_text(
        "corpora: {c: {files: text.txt, split: none}}\n"
        "tokenizers: {t: {corpus: c, kind: word_level, vocab_size: 50}}\n"
        "models: {m: {corpus: c, tokenizer: t, architecture: gpt2, objective: clm, steps: 1}}\n"
        "tasks: {k: {type: text_classification, data: {files: rows.csv}}}\n"
        "experiments: [{model: m, tasks: [k], init: [], baselines: [majority]}]\n"
    )
    workspace.order()
    (cell,) = (workspace.folder / "results" / ".work" / "orders" / "finetune").glob("*.json")
    target = f"results/finetune/cells/{cell.stem}.json"
    printed = workspace.python("-X", "importtime", "scripts/finetune.py", target)
    assert (workspace.folder / target).exists() and "snakelm.tasks.baselines" in printed
    assert " torch\n" not in printed and " transformers\n" not in printed
