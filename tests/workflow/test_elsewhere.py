"""The workflow used from elsewhere: from a folder of one's own, and as a module of another workflow."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from snakelm.runs.code import CodeDigests
from tests.workspace import ROOT, Workspace, jobs

RECIPES = ROOT / "tests" / "recipes"
OUTER = """
configfile: "outer.yaml"


rule all:
    input:
        "title.txt",


module lab:
    snakefile:
        "{snakefile}"
    config:
        config["lab"]
    {more}


use rule * from lab as lab_*


rule title:
    input:
        rules.lab_all.input,
    output:
        "title.txt",
    shell:
        "echo {{input}} > {{output}}"
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the checkout whose fetch_corpus is another than that of the checkout which is installed here."""
    folder = Workspace(tmp_path / "clone").folder
    code = folder / "scripts" / "snakelm" / "fetch_corpus" / "clean.py"
    code.write_text(f"{code.read_text()}\n\nADDED = 1\n")
    return folder


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A folder with data and the tiny recipe, and nothing of the checkout."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("prose.txt", "topic.csv"):
        shutil.copy(RECIPES / name, folder / name)
    (folder / "mine.yaml").write_text((RECIPES / "tiny.yaml").read_text().replace("tests/recipes/", ""))
    return folder


def snakemake(folder: Path, *arguments: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    printed = done.stdout + done.stderr
    assert done.returncode == code, printed[-6000:]
    return printed


def fetched_by(results: Path) -> str:
    """The digest of the code that made the corpus."""
    (manifest,) = results.glob("fetch_corpus/prose-*/manifest.json")
    return str(json.loads(manifest.read_text())["code"])


def code_of(clone: Path) -> str:
    found = CodeDigests(clone / "scripts").stage("fetch_corpus")
    assert found != CodeDigests(ROOT / "scripts").stage("fetch_corpus")
    return found


def outer(folder: Path, clone: Path, more: str = "") -> None:
    (folder / "Snakefile").write_text(OUTER.format(snakefile=clone / "workflow" / "Snakefile", more=more))
    (folder / "outer.yaml").write_text(yaml.safe_dump({"lab": yaml.safe_load((folder / "mine.yaml").read_text())}))


@pytest.mark.parametrize("snakefile", ["Snakefile", "workflow/Snakefile"])
def test_from_a_folder_of_ones_own(clone: Path, mine: Path, snakefile: str) -> None:
    command = ("--snakefile", str(clone / snakefile), "--configfile", "mine.yaml")
    tokenizer = (*command, "--config", "only=save_tokenizer:bpe")
    printed = snakemake(mine, *tokenizer)
    assert "results/latest/save_tokenizer/bpe" in printed
    assert (mine / "results" / "latest" / "save_tokenizer" / "bpe" / "tokenizer.json").is_file()
    assert fetched_by(mine / "results") == code_of(clone) and not (clone / "results").exists()
    assert "Nothing to be done" in snakemake(mine, *tokenizer)
    assert {stage for stage, _ in jobs(snakemake(mine, "-n", *command))} == {
        *("encode_corpus", "pretrain", "finetune", "evaluate", "report")
    }
    # Snakemake's own guesses would make the fetched corpus again: the profile beside the Snakefile forbids them.
    rule = clone / "workflow" / "rules" / "fetch_corpus.smk"
    rule.write_text(rule.read_text().replace("input:\n", "params:\n        1,\n    input:\n"))
    assert "Nothing to be done" in snakemake(mine, *tokenizer)


def test_profiles_are_found_beside_the_snakefile(clone: Path, mine: Path) -> None:
    for profile in ("default", "local", "slurm"):
        printed = snakemake(
            mine, "-n", "-s", str(clone / "Snakefile"), "--workflow-profile", profile, "--configfile", "mine.yaml"
        )
        assert f"{clone}/profiles/{profile} for setting default" in printed


def test_as_a_module_of_another_workflow(clone: Path, mine: Path) -> None:
    outer(mine, clone)
    assert "lab_pretrain" in snakemake(mine, "-n") and not (mine / "results" / ".work" / "orders").exists()
    snakemake(mine)
    (report,) = (mine / "results" / "report").glob("lab-*/manifest.json")
    assert (mine / "title.txt").read_text().strip() == str(report.relative_to(mine))
    assert (mine / "results" / "report.html").stat().st_size > 10_000
    assert fetched_by(mine / "results") == code_of(clone)
    assert "Nothing to be done" in snakemake(mine)
    # The same recipe by itself is the same runs; its report alone has another name.
    plan = ("-n", "--snakefile", str(clone / "Snakefile"), "--configfile", "mine.yaml")
    assert {stage for stage, _ in jobs(snakemake(mine, *plan))} <= {"report"}


def test_a_module_has_its_results_below_its_prefix(clone: Path, mine: Path) -> None:
    outer(mine, clone, more='prefix: "sub"')
    recipe = {"lab": yaml.safe_load((mine / "mine.yaml").read_text()) | {"only": "train_tokenizer:*"}}
    (mine / "outer.yaml").write_text(yaml.safe_dump(recipe))
    snakemake(mine)
    assert list((mine / "sub" / "results" / "train_tokenizer").glob("bpe-*/manifest.json"))
    assert not (mine / "results").exists()


def test_a_problem_of_a_modules_recipe_is_one_line(clone: Path, mine: Path) -> None:
    outer(mine, clone)
    (mine / "outer.yaml").write_text("lab: {corpora: {c: {files: prose.txt, spilt: none}}}\n")
    printed = snakemake(mine, "-n", code=1)
    assert printed.strip().splitlines()[-1] == (
        "config of module lab: corpora.c.spilt: unknown key; did you mean split?"
    )


def test_a_module_without_config_uses_the_recipe_of_the_command_line(clone: Path, mine: Path) -> None:
    outer(mine, clone)
    text = (mine / "Snakefile").read_text()
    (mine / "Snakefile").write_text(
        text.replace('    config:\n        config["lab"]\n', "").replace("configfile:", "#")
    )
    printed = snakemake(mine, "-n", "--configfile", "mine.yaml")
    assert "lab_pretrain" in printed and "tiny-" in printed
