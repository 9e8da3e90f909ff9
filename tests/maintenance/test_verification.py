"""Verify: damage of every kind is named, nothing is changed, and the command that it gives makes the run again."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from snakelm.cli.main import main
from snakelm.core.errors import UserError
from snakelm.maintenance.verification import called, check, found_runs
from snakelm.runs.records import Circumstance, Manifest
from snakelm.runs.store import COPY, MANIFEST, Store, file_table
from tests.workspace import Workspace

ID = "0123456789ab"


def add_run(store: Store, stage: str = "pretrain", name: str = "tiny", run_id: str = ID, **manifest: object) -> Path:
    built = store.root / "built"
    (built / "circumstance").mkdir(parents=True)
    (built / "circumstance" / "speed.tsv").write_text("fast")
    (built / "model.safetensors").write_bytes(bytes(range(256)) * 40)
    (built / "config.json").write_text("{}")
    files = {file: entry for file, entry in file_table(built).items() if not file.startswith("circumstance/")}
    final = store.folder(stage, name, run_id)
    store.publish(built, final, Manifest(stage, name, run_id, files=files, **manifest))  # type: ignore[arg-type]
    return final


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.chdir(tmp_path)
    return Store()


def tree(folder: Path) -> dict[Path, tuple[int, bytes]]:
    files = (path for path in folder.rglob("*") if path.is_file() and ".work/cache" not in path.as_posix())
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def verify(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    before = tree(Path("results"))
    with pytest.raises(SystemExit) as end:
        main(["verify", *arguments])
    assert tree(Path("results")) == before, "verify has changed something"
    printed = capsys.readouterr()
    return int(end.value.code or 0), printed.out + printed.err


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[50:150] = bytes(100)
    path.write_bytes(data)


def test_whole_runs(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    folder = add_run(store)
    (folder / "README.md").write_text("a card, written later")
    (folder / "circumstance" / "speed.tsv").write_text("slow")
    assert verify(capsys) == (0, "1 runs, 2 files, 10.2 kB: all whole\n")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda folder: flip(folder / "model.safetensors"), "model.safetensors: is damaged"),
        (lambda folder: (folder / "config.json").write_text("{} "), "config.json: is damaged"),
        (lambda folder: (folder / "config.json").unlink(), "config.json: cannot be read (No such file"),
        (lambda folder: (folder / MANIFEST).write_text("{"), "manifest.json: cannot be read, but its copy"),
        (lambda folder: (folder / MANIFEST).unlink(), "manifest.json: cannot be read, but its copy"),
        (lambda folder: (folder / COPY).write_text("[]"), ".manifest.json: the copy of the manifest cannot be read"),
        (lambda folder: (folder / COPY).write_text("{}"), "manifest.json: differs from its copy"),
        (lambda folder: [(folder / name).write_text("") for name in (MANIFEST, COPY)], "neither it nor its copy"),
        (lambda folder: [(folder / name).unlink() for name in (MANIFEST, COPY)], "neither it nor its copy"),
    ],
)
def test_damage_is_named(store: Store, capsys: pytest.CaptureFixture[str], harm, said: str) -> None:
    add_run(store, run_id="a" * 12, name="whole")
    harm(add_run(store))
    code, printed = verify(capsys)
    assert code == 1 and f"pretrain tiny  results/pretrain/tiny-{ID}\n" in printed and said in printed
    assert "2 runs" in printed and "1 with damage, 1 whole" in printed and "whole-aaa" not in printed
    code, printed = verify(capsys, "--json")
    whole, damaged = sorted(json.loads(printed), key=lambda run: len(run["problems"]))
    assert whole["problems"] == [] and whole["remedy"] == "" and any(said in line for line in damaged["problems"])
    assert damaged["folder"] == f"results/pretrain/tiny-{ID}" and (damaged["stage"], damaged["id"]) == ("pretrain", ID)


def test_a_manifest_with_a_whole_copy_is_restored_by_the_command(store: Store, capsys) -> None:
    folder = add_run(store)
    whole = (folder / COPY).read_bytes()
    (folder / MANIFEST).write_text("{")
    command = next(line for line in verify(capsys)[1].splitlines() if line.startswith("  $ "))
    subprocess.run(command.removeprefix("  $ "), shell=True, check=True)
    assert (folder / MANIFEST).read_bytes() == whole and verify(capsys)[0] == 0


def test_names(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    flip(add_run(store) / "model.safetensors")
    add_run(store, run_id="a" * 12, name="other")
    assert verify(capsys, "pretrain:other")[0] == 0
    assert verify(capsys, "pretrain:o*")[0] == 0
    assert verify(capsys, "pretrain:tiny")[0] == verify(capsys, f"pretrain:tiny-{ID}")[0] == 1
    code, printed = verify(capsys, "pretrain:tinny")
    assert code == 1 and "did you mean tiny?" in printed
    with pytest.raises(UserError, match="write <stage>:<name>"):
        called(found_runs(store), ["tiny"], None)


def test_links_and_empty_folders_are_no_runs(store: Store) -> None:
    folder = add_run(store)
    (folder.parent / f"alias-{'b' * 12}").symlink_to(folder.name)
    (folder.parent / f"coming-{'c' * 12}").mkdir()
    assert [run.folder for run in found_runs(store)] == [folder]


def test_reading_is_told_of(store: Store) -> None:
    add_run(store)
    (run,) = found_runs(store)
    seen: list[int] = []
    assert check(run, seen.append).problems == [] and sum(seen) == run.bytes


def test_an_adopted_run_is_adopted_again(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(workspace.folder)
    Path("text.txt").write_text("one\ntwo\n")
    Path("r.yaml").write_text(
        "corpora: {c: {files: text.txt, unit: line, split: none}}\ntokenizers: {t: {corpus: c}}\n"
    )
    from snakelm.workflow.rules import read_plan

    (planned,) = read_plan(["r.yaml"], {}, Store()).of("save_tokenizer")
    adopted = Circumstance(adopted={"from": "/my folder", "when": ""})
    folder = add_run(Store(), "save_tokenizer", "t", planned.id, circumstance=adopted)
    flip(folder / "model.safetensors")
    (folder / MANIFEST).write_text("")  # which a plan would restore
    remedy = f"$ rm -r {planned.folder} && snakelm adopt save_tokenizer:t '/my folder' --configfile r.yaml\n"
    assert remedy in verify(capsys, "--configfile", "r.yaml")[1]
    assert "the recipe cannot be read" in verify(capsys)[1]  # there is no config/config.yaml


def test_the_command_makes_the_run_again(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace.folder)
    Path("text.txt").write_text("one\ntwo\n")
    Path("my recipe.yaml").write_text("corpora: {c: {files: text.txt, unit: line, split: none}}\n")
    workspace.snakelm("run", "--configfile", "my recipe.yaml")
    (folder,) = Path("results/fetch_corpus").iterdir()
    whole = (folder / "train.parquet").read_bytes()
    flip(folder / "train.parquet")
    printed = workspace.snakelm("verify", "fetch_corpus:c", "--configfile", "my recipe.yaml", code=1)
    command = next(line for line in printed.splitlines() if line.startswith("  $ ")).removeprefix("  $ ")
    assert shutil.which("snakelm", path=str(Path(sys.executable).parent))
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "PYTHONPATH": str(workspace.folder / "scripts"),
    }
    subprocess.run(command, shell=True, check=True, env=environment)
    assert (folder / "train.parquet").read_bytes() == whole
    workspace.snakelm("verify", "--configfile", "my recipe.yaml")
