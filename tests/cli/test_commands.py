"""The command `snakelm`: helps that change nothing, light imports, and the subcommands on a small recipe."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from snakelm.cli.main import SUBCOMMANDS, build_parser, main
from snakelm.planning.samples import ROWS
from snakelm.runs.stages import STAGES
from snakelm.runs.store import Store
from snakelm.workflow.rules import read_plan
from tests.workspace import ROOT, Workspace

NAMES = [module.__name__.rpartition(".")[2] for module in SUBCOMMANDS]
RECIPE = "corpora: {c: {files: text.txt, unit: line, split: none}}\n"


@pytest.fixture
def here(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    (workspace.folder / "text.txt").write_text("one\ntwo\n")
    (workspace.folder / "r.yaml").write_text(RECIPE)
    monkeypatch.chdir(workspace.folder)
    return workspace


def test_every_subcommand_is_there() -> None:
    making = {"plan", "status", "run", "predict", "report"}
    assert set(NAMES) == making | {"verify", "gc", "adopt", "publish", "docs", "lock"}


@pytest.mark.parametrize("name", NAMES)
def test_help_changes_nothing(name: str, here: Workspace) -> None:
    before = {path: path.stat().st_mtime_ns for path in here.folder.rglob("*") if path.suffix != ".pyc"}
    printed = here.snakelm(name, "--help")
    assert printed.startswith(f"usage: snakelm {name}")
    after = {path: path.stat().st_mtime_ns for path in here.folder.rglob("*") if path.suffix != ".pyc"}
    assert {path for path in after.keys() - before.keys() if path.name != "__pycache__"} == set()
    assert all(after[path] == stamp for path, stamp in before.items() if path.is_file())


@pytest.mark.parametrize("command", [f"scripts/{stage}.py" for stage in STAGES])
def test_help_of_a_stage_script_changes_nothing(command: str, here: Workspace) -> None:
    before = {path for path in here.folder.rglob("*") if "__pycache__" not in path.parts}
    assert here.python(command, "--help").startswith(f"usage: {Path(command).name}")
    assert {path for path in here.folder.rglob("*") if "__pycache__" not in path.parts} == before


@pytest.mark.parametrize("file", [*(ROOT / "benchmarks").glob("*.py"), ROOT / "tests/reproduce_tokenizers.py"], ids=str)
def test_help_of_a_measuring_script_starts_nothing(file: Path) -> None:
    done = subprocess.run([sys.executable, str(file), "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout.startswith(f"usage: {file.name}")


def test_help_imports_next_to_nothing() -> None:
    code = "import sys; from snakelm.cli.main import build_parser; build_parser(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "transformers", "pydantic", "snakemake", "yaml", "rich", "pandas", "numpy"}
    assert not heavy & set(done.stdout.split())


def test_a_plan_imports_neither_torch_nor_transformers(here: Workspace) -> None:
    printed = here.python("-X", "importtime", "-m", "snakelm", "plan", "--configfile", "r.yaml")
    assert "never made" in printed and "snakelm.planning.plan" in printed
    imported = {line.rpartition("|")[2].strip() for line in printed.splitlines()}
    assert not {"torch", "transformers", "pandas"} & imported


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plan", "--jsn"], "unrecognized arguments: --jsn"),
        (["plan", "--wher"], "unrecognized arguments: --wher"),  # no guessing what an abbreviation means
        (["pln"], "invalid choice: 'pln'"),
        ([], "required: COMMAND"),
    ],
)
def test_a_slip_is_said_and_starts_nothing(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2 and said in capsys.readouterr().err


def test_run_passes_on_what_it_does_not_know() -> None:
    given, rest = build_parser().parse_known_args(
        ["run", "--cores", "2", "-np", "--configfile", "r.yaml", "--until", "pretrain", "--config", "only=pretrain:a"]
    )
    assert rest == ["--cores", "2", "-np", "--until", "pretrain"]
    assert given.configfile == ["r.yaml"] and given.config == ["only=pretrain:a"] and given.passes_on


def test_run_makes_the_recipe_and_says_where_it_is(here: Workspace) -> None:
    assert "fetch_corpus" in here.snakelm("run", "-n", "--configfile", "r.yaml") and not Path("results/logs").exists()
    printed = here.snakelm("run", "--cores", "1", "--configfile", "r.yaml")
    assert "report      results/report.html" in printed and "Job stats" not in printed
    assert here.snakelm("status", "--configfile", "r.yaml").splitlines() == [
        "fetch_corpus     1 done",
        "report           1 done",
    ]
    assert "unrecognized" in here.snakelm("run", "--no-such-option", "--configfile", "r.yaml", code=2)


def test_status_tells_what_runs_and_what_was_interrupted(here: Workspace) -> None:
    (run,) = read_plan(["r.yaml"], {}, Store()).of("fetch_corpus")
    work = Store().work("fetch_corpus", run.id)
    (work / "checkpoints" / "checkpoint-7").mkdir(parents=True)
    printed = here.snakelm("status", "--configfile", "r.yaml")
    assert printed.splitlines()[:2] == ["fetch_corpus     1 interrupted", "  c: interrupted at step 7"]
    with FileLock(work.with_name(f"{run.id}.lock")):
        printed = here.snakelm("status", "--configfile", "r.yaml")
    assert printed.splitlines()[:2] == ["fetch_corpus     1 running", "  c: running"]


def test_make_alone_lists_its_targets() -> None:
    for command in (["make"], ["make", "help"]):
        printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert {line.split()[0] for line in printed.splitlines()} >= {"help", "run", "test", "lint", "plan", "status"}
        assert all(len(line.split()) > 1 for line in printed.splitlines())


def test_run_in_another_directory_takes_the_recipe_from_here_and_says_where_the_results_are(here: Workspace) -> None:
    (here.folder / "sub").mkdir()
    (here.folder / "text.txt").rename(here.folder / "sub" / "text.txt")
    printed = here.snakelm("run", "--configfile", "r.yaml", "--directory", "sub", "--cores", "1")
    assert "report      results/report.html" in printed and (here.folder / "sub" / "results" / "report.html").exists()
    (here.folder / "sub" / "text.txt").write_bytes(b"one\n" * 5 * ROWS + b"\xff\xfe")  # behind what is looked at
    failed = here.snakelm("run", "--configfile", "r.yaml", "--directory", "sub", "--cores", "1", code=1)
    assert "failed      1 jobs" in failed and "no such recipe" not in failed
