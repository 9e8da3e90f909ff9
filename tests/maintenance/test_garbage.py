"""Garbage collection on real runs: what goes, what stays, and what a kill in between leaves."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from snakelm.maintenance.garbage import delete, garbage, needed
from snakelm.runs.store import Store, is_complete
from snakelm.workflow.rules import read_plan

ROOT = Path(__file__).resolve().parents[2]
RECIPE = """
corpora:
  prose: {files: tests/recipes/prose.txt, unit: paragraph, split: {test: SHARE}}
tokenizers:
  bpe: {corpus: prose, kind: byte_level_bpe, vocab_size: 270, special_tokens: ["<pad>", "<eos>"]}
"""


@pytest.fixture(scope="module")
def two_recipes(make_workspace: Any) -> Any:
    """A workspace in which a.yaml and b.yaml (the same text, split otherwise) have been run."""
    made = make_workspace()
    shutil.copytree(ROOT / "tests" / "recipes", made.folder / "tests" / "recipes")
    for name, share in (("a", "0.1"), ("b", "0.2")):
        (made.folder / f"{name}.yaml").write_text(RECIPE.replace("SHARE", share), encoding="utf-8")
        made.snakemake("--configfile", f"{name}.yaml")
    return made


@pytest.fixture
def here(two_recipes: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The same, with its results put back after the test."""
    saved = two_recipes.folder.with_name("saved")
    shutil.copytree(two_recipes.folder / "results", saved, symlinks=True)
    monkeypatch.chdir(two_recipes.folder)
    yield two_recipes
    shutil.rmtree("results")
    shutil.rmtree(".snakemake/locks", ignore_errors=True)
    saved.rename("results")


def plan(*names: str) -> list[Any]:
    return [read_plan([f"{name}.yaml"], {}, Store()) for name in names]


def collect(here: Any, *arguments: str, code: int = 0) -> str:
    return here.snakelm("gc", *arguments, code=code)


def runs() -> set[str]:
    return {path.parent.as_posix() for path in Path("results").glob("*/*/manifest.json") if "latest" not in str(path)}


def of(name: str) -> set[str]:
    return {run.folder.as_posix() for run in plan(name)[0].runs.values()}


def test_nothing_is_garbage_while_both_recipes_are_given(here: Any) -> None:
    before = runs()
    assert len(before) == 8
    assert "nothing to collect" in collect(here, "--recipe", "a.yaml", "--recipe", "b.yaml", "--yes")
    assert runs() == before


def test_a_listing_deletes_nothing(here: Any) -> None:
    before = runs()
    printed = collect(here, "--recipe", "a.yaml")
    for folder in of("b") - of("a"):
        assert folder in printed
    for folder in of("a"):
        assert folder not in printed
    assert "nothing deleted" in printed and runs() == before


def test_what_the_recipe_needs_stays_and_the_rest_goes(here: Any) -> None:
    wanted, other = of("a"), of("b")
    Path("results/.work/aside/pretrain-x-1").mkdir(parents=True)
    Path("results/.work/aside/pretrain-x-1/big").write_bytes(b"x" * 5000)
    half_done = Path("results/.work/pretrain/0123456789ab/checkpoints")
    half_done.mkdir(parents=True)
    freed = sum(
        entry["bytes"]
        for folder in other - wanted
        for entry in json.loads(Path(folder, "manifest.json").read_text(encoding="utf-8"))["files"].values()
    )
    printed = collect(here, "--recipe", "a.yaml", "--yes")
    assert runs() == wanted
    assert not half_done.exists() and not any(Path("results/.work/aside").iterdir())
    assert not any(Path("results/.work/trash").iterdir())
    said = printed.rpartition("freed ")[2].strip()
    number, unit = said.split()
    assert float(number) * {"B": 1, "kB": 1e3, "MB": 1e6}[unit] > freed + 5000
    assert "Nothing to be done" in here.snakemake("--configfile", "a.yaml", "-n")
    links = [path for path in Path("results").rglob("*") if path.is_symlink()]
    assert links and all(path.exists() for path in links)
    assert "nothing to collect" in collect(here, "--recipe", "a.yaml", "--yes")


def test_half_done_work_of_a_needed_run_stays(here: Any) -> None:
    (run,) = plan("b")[0].of("save_tokenizer")
    shutil.rmtree(run.folder)
    checkpoint = Path("results/.work/save_tokenizer", run.id, "checkpoints")
    checkpoint.mkdir(parents=True)
    collect(here, "--recipe", "a.yaml", "--recipe", "b.yaml", "--yes")
    assert checkpoint.exists()


def test_what_a_job_uses_stays_with_its_parents(here: Any) -> None:
    """A process holds the lock of b's save_tokenizer run: neither that nor what it is made of may go."""
    first = plan("b")[0]
    stages = ("save_tokenizer", "train_tokenizer", "fetch_corpus", "report")
    (saved,), (trained,), (corpus,), (report,) = map(first.of, stages)
    shutil.rmtree(saved.folder)  # being made
    work = Path("results/.work/save_tokenizer", saved.id)
    work.mkdir()
    with FileLock(work.with_name(f"{saved.id}.lock")):
        printed = collect(here, "--recipe", "a.yaml", "--yes")
        assert f"in use, so it and its parents stay: save_tokenizer {saved.id}" in printed
        assert work.exists() and trained.folder.exists() and corpus.folder.exists() and not report.folder.exists()
    collect(here, "--recipe", "a.yaml", "--yes")
    assert not work.exists() and not trained.folder.exists() and not corpus.folder.exists()


def test_what_is_being_made_keeps_what_its_parents_were_made_of(here: Any) -> None:
    """The parent's manifest leads there, also where the order of the job does not name it."""
    first = plan("b")[0]
    (saved,), (corpus,) = first.of("save_tokenizer"), first.of("fetch_corpus")
    shutil.rmtree(saved.folder)
    order = Store().order("save_tokenizer", saved.folder.name)
    content = json.loads(order.read_text(encoding="utf-8"))
    del content["runs"][0]["parents"]["corpus"]
    order.write_text(json.dumps(content), encoding="utf-8")
    with FileLock(Path("results/.work/save_tokenizer", f"{saved.id}.lock")):
        collect(here, "--recipe", "a.yaml", "--yes")
        assert corpus.folder.exists()


def test_what_waits_in_a_queue_keeps_its_parents(here: Any) -> None:
    (saved,), (trained,) = (plan("b")[0].of(stage) for stage in ("save_tokenizer", "train_tokenizer"))
    shutil.rmtree(saved.folder)
    locks = Path(".snakemake/locks")
    locks.mkdir(exist_ok=True)
    (locks / "0.input.lock").write_text("x\n", encoding="utf-8")
    assert "snakemake is running" in collect(here, "--recipe", "a.yaml", "--yes")
    assert trained.folder.exists() and Store().order("save_tokenizer", saved.folder.name).exists()
    (locks / "0.input.lock").unlink()
    collect(here, "--recipe", "a.yaml", "--yes")
    assert not trained.folder.exists()


def test_a_workflow_of_another_checkout_that_shares_the_results_is_seen(
    here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (saved,) = plan("b")[0].of("save_tokenizer")
    shutil.rmtree(saved.folder)
    first, plans = Path.cwd(), plan("a")
    locks = first / ".snakemake/locks"
    locks.mkdir(exist_ok=True)
    (locks / "0.input.lock").write_text("x\n", encoding="utf-8")
    (tmp_path / "results").symlink_to(first / "results")
    monkeypatch.chdir(tmp_path)  # gc's own .snakemake is not the one of the workflow
    job = ("save_tokenizer", saved.folder.name)
    found = needed(plans, Store())
    assert found.running and job in found.jobs
    (locks / "0.input.lock").unlink()
    found = needed(plans, Store())
    assert not found.running and job not in found.jobs
    record = Path("results/.work/checkouts/other.json")
    record.write_text('{"host": "elsewhere", "locks": "/nowhere/to/be/seen/.snakemake/locks"}', encoding="utf-8")
    assert needed(plans, Store()).running  # it cannot be seen from here, so nothing says that it does not run
    monkeypatch.chdir(first)


def test_what_a_kept_run_was_made_of_stays(here: Any) -> None:
    """Also where the recipe no longer asks for it: here a run made by other code, kept."""
    text = RECIPE.replace("SHARE", "0.2")
    (trained,) = plan("b")[0].of("train_tokenizer")
    script = Path("scripts/train_tokenizer.py")
    original = script.read_text(encoding="utf-8")
    script.write_text(original + "\nprint\n", encoding="utf-8")
    try:
        Path("kept.yaml").write_text("on_code_change: keep\n" + text, encoding="utf-8")
        collect(here, "--recipe", "kept.yaml", "--yes")
        assert trained.folder.exists()
        assert "Nothing to be done" in here.snakemake("--configfile", "kept.yaml", "-n")
    finally:
        script.write_text(original, encoding="utf-8")
        Path("kept.yaml").unlink()


def test_a_kill_in_between_leaves_no_half_run(here: Any) -> None:
    store = Store()
    items = garbage(needed(plan("a"), store), store)
    assert {item.kind for item in items} >= {"run", "order"}
    wanted = of("a")
    for _ in items:
        left = garbage(needed(plan("a"), store), store)
        steps = delete(left, store)
        next(steps)
        steps.close()  # the process ends here
        for folder in Path("results").glob("*/*-????????????"):
            if "latest" not in folder.parts and "logs" not in folder.parts:
                assert (folder / "manifest.json").exists(), folder
        for folder in runs():
            manifest = json.loads(Path(folder, "manifest.json").read_text(encoding="utf-8"))
            for parent in manifest["parents"].values():
                assert list(Path("results", parent["stage"]).glob(f"*-{parent['id']}")), f"{folder} is an orphan"
    assert runs() == wanted


def test_the_rest_of_a_killed_collection_goes_with_the_next(here: Any) -> None:
    trash = Path("results/.work/trash/pretrain-tiny-0123456789ab-99")
    trash.mkdir(parents=True)
    (trash / "model.safetensors").write_bytes(b"0" * 100)
    collect(here, "--recipe", "a.yaml", "--recipe", "b.yaml", "--yes")
    assert not trash.exists()


@pytest.mark.parametrize("text", [None, "corpora: [", "corpra: {}\n"])
def test_a_recipe_that_cannot_be_read_stops_everything(here: Any, text: str | None) -> None:
    before = runs()
    Path("bad.yaml").unlink(missing_ok=True)
    if text is not None:
        Path("bad.yaml").write_text(text, encoding="utf-8")
    printed = collect(here, "--recipe", "a.yaml", "--recipe", "bad.yaml", "--yes", code=1)
    assert "bad.yaml" in printed and "Traceback" not in printed and runs() == before


def test_a_recipe_that_was_forgotten_is_named(here: Any) -> None:
    Path("config").mkdir(exist_ok=True)
    shutil.copy("b.yaml", "config/b.yaml")
    printed = collect(here, "--recipe", "a.yaml")
    assert "config/b.yaml needs 4 of them: keep these with --recipe config/b.yaml" in printed
    shutil.rmtree("config")


def test_a_forgotten_recipe_whose_run_was_interrupted_is_named_too(here: Any) -> None:
    Path("config").mkdir(exist_ok=True)
    shutil.copy("b.yaml", "config/b.yaml")
    for run in plan("b")[0].runs.values():
        shutil.rmtree(run.folder)
    checkpoint = Store().work("save_tokenizer", plan("b")[0].of("save_tokenizer")[0].id) / "checkpoints/checkpoint-7"
    checkpoint.mkdir(parents=True)
    printed = collect(here, "--recipe", "a.yaml")
    assert "half-done work" in printed and "config/b.yaml needs 1 of them" in printed and checkpoint.exists()
    shutil.rmtree("config")


def test_runs_that_an_edit_of_the_code_left_behind_are_pointed_out(here: Any) -> None:
    script = Path("scripts/train_tokenizer.py")
    original = script.read_text(encoding="utf-8")
    script.write_text(original + "\nprint\n", encoding="utf-8")
    try:
        printed = collect(here, "--recipe", "a.yaml", "--recipe", "b.yaml")
        assert "3 of them are what a.yaml asks for, made by other code: on_code_change: keep keeps them" in printed
        assert "3 of them are what b.yaml asks for" in printed
    finally:
        script.write_text(original, encoding="utf-8")
    assert "made by other code" not in collect(here, "--recipe", "a.yaml")


def test_on_a_terminal_it_asks_first(here: Any) -> None:
    before = runs()
    for reply, deleted in ((b"\n", False), (b"y\n", True)):
        reader, writer = os.openpty()
        command = [sys.executable, "-m", "snakelm", "gc", "--recipe", "a.yaml"]
        running = subprocess.Popen(command, stdin=writer, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.write(reader, reply)
        printed = running.communicate()[0].decode()
        os.close(reader), os.close(writer)
        assert running.returncode == 0 and "[y/N]" in printed, printed
        assert (runs() != before) == deleted


def test_tokenized_texts_go_once_nobody_has_read_them_for_a_week(here):
    for name in ("old", "new"):
        folder = Path("results/.work/cache/finetune") / name
        folder.mkdir(parents=True)
        (folder / "a.json").write_text("x" * 100)
    os.utime("results/.work/cache/finetune/old/a.json", (1e9, 1e9))
    os.utime("results/.work/cache/finetune/old", (1e9, 1e9))
    printed = collect(here, "--recipe", "a.yaml", "--recipe", "b.yaml", "--yes")
    assert "cache/finetune/old" in printed and "cache/finetune/new" not in printed
    assert [path.name for path in Path("results/.work/cache/finetune").iterdir()] == ["new"]


def test_a_kill_while_a_run_on_another_disk_is_deleted_leaves_nothing_that_looks_complete(
    here: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There no rename leads to the trash, so files go one by one."""

    def no_rename(path: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    def killed(folder: Path) -> None:
        raise KeyboardInterrupt

    store = Store()
    (item, *_) = (item for item in garbage(needed(plan("a"), store), store) if item.kind == "run")
    with monkeypatch.context() as patch:  # an undo of all would change the folder back, and with it what `here` deletes
        patch.setattr(Path, "rename", no_rename)
        patch.setattr("snakelm.maintenance.garbage.remove_tree", killed)
        with pytest.raises(KeyboardInterrupt):
            list(delete([item], store))
    assert not is_complete(here.folder / item.path)
