"""The tiny recipe through a real SLURM to its report: what jobs ask for, and that a queued job stays what it was."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
HOLD = 12  # seconds for which pretraining is held in the queue, so that the recipe can be edited meanwhile


def answer(*command: str) -> str | None:
    """What a SLURM command prints; None where there is no SLURM to answer."""
    if shutil.which(command[0]) is None:
        return None
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    return done.stdout if done.returncode == 0 else None


def gpu_partition() -> str | None:
    for line in (answer("sinfo", "-h", "-o", "%R %G") or "").splitlines():
        name, gpus = line.split(maxsplit=1)
        if gpus.startswith("gpu") and name == "gpu":
            return name
    return None


pytestmark = pytest.mark.skipif(answer("sinfo", "-h") is None, reason="no SLURM answers here (sinfo)")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = Workspace(tmp_path_factory.mktemp("slurm"))
    shutil.copytree(ROOT / "tests" / "recipes", made.folder / "tests" / "recipes")
    return made


@pytest.fixture(scope="module")
def finished(workspace: Any) -> dict[str, Any]:
    """Run the workflow, edit the recipe while pretraining is queued; the jobs of SLURM by rule, and the output."""
    recipe = workspace.folder / "tests" / "recipes" / "tiny.yaml"
    gpu = gpu_partition()
    asked = yaml.safe_load(recipe.read_text(encoding="utf-8")) | {
        "resources": {
            "train_tokenizer": {"threads": 2, "mem_mb": 1100, "runtime": 5},
            "pretrain": {"threads": 2, "mem_mb": 1300, "runtime": 7, "extra": f"--begin=now+{HOLD}"}
            | ({"gpus": 1, "partition": gpu} if gpu else {}),
            "finetune": {"mem_mb": 1200, "runtime": 6},
        }
    }
    recipe.write_text(yaml.safe_dump(asked), encoding="utf-8")
    log = workspace.folder / "snakemake.log"
    command = [sys.executable, "-m", "snakemake", "--workflow-profile", "workflow/profiles/slurm"]
    command += ["--slurm-init-seconds-before-status-checks", "1", "--seconds-between-status-checks", "1"]
    command += ["--configfile", str(recipe.relative_to(workspace.folder))]
    with open(log, "w", encoding="utf-8") as out:
        running = subprocess.Popen(command, cwd=workspace.folder, stdout=out, stderr=subprocess.STDOUT)
    edited_while = None
    while running.poll() is None:
        job = submitted(log).get("pretrain")
        if job and edited_while is None:
            edited_while = record(job[0])["JobState"]
            asked["models"]["tiny"]["learning_rate"] = 0.5
            recipe.write_text(yaml.safe_dump(asked), encoding="utf-8")
        time.sleep(0.5)
    printed = log.read_text(encoding="utf-8")
    assert running.returncode == 0, printed[-6000:]
    jobs = {rule: [record(number) for number in numbers] for rule, numbers in submitted(log).items()}
    return {"jobs": jobs, "edited_while": edited_while, "gpu": gpu, "recipe": recipe, "printed": printed}


def submitted(log: Path) -> dict[str, list[str]]:
    """Rule → numbers of the jobs that Snakemake submitted for it."""
    found: dict[str, list[str]] = {}
    pattern = r"SLURM jobid (\d+) \(log: \S*/rule_(\w+)/"
    for number, rule in re.findall(pattern, log.read_text(encoding="utf-8")):
        found.setdefault(rule, []).append(number)
    return found


def record(number: str) -> dict[str, str]:
    """What SLURM itself knows of a job."""
    printed = answer("scontrol", "show", "job", "--oneliner", number) or ""
    return dict(word.split("=", 1) for word in printed.split() if "=" in word)


def test_every_job_ran_on_the_cluster_and_the_report_is_there(workspace: Any, finished: dict[str, Any]) -> None:
    counts = {rule: len(jobs) for rule, jobs in finished["jobs"].items()}
    stages = ("fetch_corpus", "train_tokenizer", "save_tokenizer", "encode_corpus", "pretrain", "report")
    assert counts == {**dict.fromkeys(stages, 1), "finetune": 2, "evaluate": 2}
    assert all(job["JobState"] == "COMPLETED" for jobs in finished["jobs"].values() for job in jobs)
    manifests = list((workspace.folder / "results").glob("*/*-*/manifest.json"))
    made_by = {
        json.loads(file.read_text(encoding="utf-8"))["circumstance"]["machine"]["slurm_job_id"] for file in manifests
    }
    assert made_by == {job["JobId"] for jobs in finished["jobs"].values() for job in jobs}
    assert (workspace.folder / "results" / "report.html").stat().st_size > 1000


def test_jobs_ask_for_what_the_recipe_says(finished: dict[str, Any]) -> None:
    (pretrain,), (tokenizer,) = finished["jobs"]["pretrain"], finished["jobs"]["train_tokenizer"]
    assert (tokenizer["CPUs/Task"], tokenizer["MinMemoryNode"], tokenizer["TimeLimit"]) == ("2", "1100M", "00:05:00")
    assert (pretrain["CPUs/Task"], pretrain["MinMemoryNode"], pretrain["TimeLimit"]) == ("2", "1300M", "00:07:00")
    for job in finished["jobs"]["finetune"]:
        assert (job["CPUs/Task"], job["MinMemoryNode"], job["TimeLimit"]) == ("1", "1200M", "00:06:00")
    for rule, jobs in finished["jobs"].items():
        for job in jobs:
            wants_gpu = rule == "pretrain" and finished["gpu"] is not None
            assert ("gres:gpu" in job.get("TresPerJob", "")) == wants_gpu, (rule, job)
    if finished["gpu"]:
        assert pretrain["Partition"] == finished["gpu"]
        assert re.search(r"gpu[:=]1\b", pretrain["TresPerJob"])


def test_jobs_survive_preemption(finished: dict[str, Any]) -> None:
    """They may be requeued, also where the recipe adds options of its own, and a log is added to, not begun anew."""
    assert all(job["Requeue"] == "1" for jobs in finished["jobs"].values() for job in jobs)
    options = re.findall(r"slurm_extra=(--open-mode=append(?: --begin=\S+?)?),", finished["printed"])
    assert len(options) == 10 and f"--open-mode=append --begin=now+{HOLD}" in options


def test_an_edit_while_a_job_waits_does_not_change_what_it_trains(workspace: Any, finished: dict[str, Any]) -> None:
    assert finished["edited_while"] == "PENDING"
    (manifest,) = (workspace.folder / "results" / "pretrain").glob("tiny-*/manifest.json")
    assert json.loads(manifest.read_text(encoding="utf-8"))["config"]["learning_rate"] == 0.01
    plan = workspace.snakelm("plan", "--json", "--configfile", str(finished["recipe"]))
    (line,) = (line for line in json.loads(plan) if line["stage"] == "pretrain")
    assert line["state"] == "to do" and line["why"] == ["learning_rate: 0.01 → 0.5"]
