"""Kills at random moments, a full disk, a read-only results folder: nothing half-written, and a rerun mends it all."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.killing import RECIPE, artifacts, finish, kill_and_rerun, no_half_runs

ROOT = Path(__file__).resolve().parents[2]
KILLS = 20
TOKENIZER = ("--configfile", RECIPE, "--config", "only=save_tokenizer:*")


@pytest.fixture
def tiny(make_workspace: Any) -> Any:
    return with_recipes(make_workspace())


def with_recipes(workspace: Any) -> Any:
    shutil.copytree(ROOT / "tests" / "recipes", workspace.folder / "tests" / "recipes")
    return workspace


def test_random_kills_change_nothing(tiny: Any, make_workspace: Any) -> None:
    whole = with_recipes(make_workspace())
    finish(whole.folder)
    killed = kill_and_rerun(tiny.folder, KILLS, 0, artifacts(whole.folder))
    assert sum(killed.values()) == KILLS and killed["snakemake"] < KILLS
    assert (tiny.folder / "results/metrics.tsv").read_bytes() == (whole.folder / "results/metrics.tsv").read_bytes()


def test_a_run_that_was_published_after_snakemake_was_killed_does_not_hide_what_is_left(tiny: Any) -> None:
    """Snakemake takes it for incomplete. Were it forced, all below it that is missing would be passed over."""
    tiny.snakemake(*TOKENIZER)
    (manifest,) = (tiny.folder / "results" / "train_tokenizer").glob("*/manifest.json")
    name = str(manifest.relative_to(tiny.folder)).encode()
    markers = tiny.folder / ".snakemake" / "incomplete"
    markers.mkdir(exist_ok=True)
    (markers / base64.urlsafe_b64encode(name).decode()).touch()
    bare = ("--configfile", RECIPE, "-n", "--workflow-profile", "none")
    assert "seem to be incomplete" in tiny.snakemake(*bare, code=1)
    stages = {stage for stage, _ in tiny.scheduled("--configfile", RECIPE)}
    assert {"encode_corpus", "pretrain", "finetune", "evaluate", "report"} <= stages and "train_tokenizer" not in stages


def mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"mount is not allowed here: {done.stderr.strip()}")


@pytest.fixture
def mounted(tiny: Any) -> Iterator[Any]:
    """A workspace whose results folder may be mounted over, and is unmounted in the end."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small or read-only disk")
    (tiny.folder / "results").mkdir()
    yield tiny
    # os.path.ismount does not see a bind mount, so: until there is nothing left to unmount.
    while subprocess.run(["umount", str(tiny.folder / "results")], capture_output=True).returncode == 0:
        pass


def errors(printed: str) -> list[str]:
    return [line for line in printed.splitlines() if "disk is full" in line or "cannot be written" in line]


@pytest.mark.parametrize("size", ["16k", "160k"])  # no room for orders; for a stage
def test_a_full_disk_is_one_line_and_a_rerun_mends_it(mounted: Any, size: str) -> None:
    results = mounted.folder / "results"
    mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(results))
    printed = mounted.snakemake(*TOKENIZER, code=1)
    assert len(errors(printed)) == 1 and "Traceback" not in printed, printed
    no_half_runs(mounted.folder)
    mount("-o", "remount,size=100m", str(results))
    mounted.snakemake(*TOKENIZER)
    assert len(artifacts(mounted.folder)) == 3


def test_a_read_only_results_folder_is_one_line(mounted: Any) -> None:
    results = mounted.folder / "results"
    mount("--bind", str(results), str(results))
    mount("-o", "remount,bind,ro", str(results))
    printed = mounted.snakemake(*TOKENIZER, code=1)
    assert len(errors(printed)) == 1 and "Traceback" not in printed, printed
    assert not list(results.iterdir())


def test_finished_results_on_a_read_only_disk_can_be_looked_at(mounted: Any) -> None:
    results = mounted.folder / "results"
    mounted.snakemake(*TOKENIZER)
    mount("--bind", str(results), str(results))
    mount("-o", "remount,bind,ro", str(results))
    assert "Nothing to be done" in mounted.snakemake(*TOKENIZER)
    printed = mounted.snakelm("plan", "--configfile", RECIPE)
    assert "3 done" in printed
    command = ("gc", "--recipe", RECIPE)
    assert "Traceback" not in mounted.snakelm(*command)
