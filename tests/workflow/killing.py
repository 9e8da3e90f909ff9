"""Kill a workflow at random moments, rerun it, and tell what it made by checksum."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

from snakelm.runs.store import file_table, is_circumstantial, is_complete, read_manifest

RECIPE = "tests/recipes/tiny.yaml"
COMMAND = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", RECIPE]


def kill_and_rerun(folder: Path, kills: int, seed: int, expected: dict[str, Any]) -> Counter[str]:
    """Run the tiny recipe in `folder`, SIGKILL Snakemake or one of its stages `kills` times; what was killed how often.

    Whenever the recipe is done, its artifacts are held against those `expected` of an undisturbed run
    (AssertionError says what differs, and the folder stays as it is); if the kills are not used up, results are
    removed and it starts anew. What the README says after a kill is done and no more: `snakemake --unlock` if
    Snakemake was killed, then the same again.
    """
    draw, killed = random.Random(seed), Counter[str]()
    while sum(killed.values()) < kills:
        running = start(folder)
        deadline = time.monotonic() + draw.uniform(1.0, 10.0)
        while running.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        if running.poll() is not None:
            assert running.returncode == 0, said(running)
            assert not (different := differences(artifacts(folder), expected)), different
            empty(folder)
            continue
        stages = stages_of(running.pid)
        if stages and draw.random() < 0.7:
            victim, name = draw.choice(stages)
        else:
            victim, name = psutil.Process(running.pid), "snakemake"
        try:
            victim.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
        killed[name] += 1
        running.wait()
        no_half_runs(folder)
        if name == "snakemake":
            unlock(folder)
    finish(folder)
    assert not (different := differences(artifacts(folder), expected)), different
    return killed


def start(folder: Path) -> subprocess.Popen[str]:
    with open(folder / "said.log", "w", encoding="utf-8") as log:
        running = subprocess.Popen(COMMAND, cwd=folder, stdout=log, stderr=subprocess.STDOUT, text=True)
    running.said = folder / "said.log"  # type: ignore[attr-defined]
    return running


def said(running: Any) -> str:
    return str(running.said.read_text(encoding="utf-8"))[-6000:]


def finish(folder: Path) -> None:
    running = start(folder)
    assert running.wait() == 0, said(running)


def unlock(folder: Path) -> None:
    subprocess.run([*COMMAND, "--unlock"], cwd=folder, check=True, capture_output=True)


def empty(folder: Path) -> None:
    """Back to the beginning."""
    subprocess.run(["rm", "-rf", "results", ".snakemake"], cwd=folder, check=True)


def stages_of(pid: int) -> list[tuple[psutil.Process, str]]:
    """The stages that this Snakemake is running, with their names."""
    found = []
    try:
        for process in psutil.Process(pid).children(recursive=True):
            for word in process.cmdline():
                if Path(word).parent.name == "scripts" and word.endswith(".py"):
                    found.append((process, Path(word).stem))
    except psutil.Error:
        pass
    return found


def no_half_runs(folder: Path) -> None:
    """Every folder that stands where runs stand is empty (Snakemake makes it) or complete, file by file."""
    for run in (folder / "results").glob("*/*-????????????"):
        if run.parent.name not in ("latest", "recipes") and run.is_dir() and any(run.iterdir()):
            # Snakemake may have taken the manifest of a run whose stage was killed after it was done.
            assert is_complete(run), run
            manifest = read_manifest(run)
            files = {name: entry for name, entry in file_table(run).items() if not is_circumstantial(name)}
            assert files == manifest.files, run


def differences(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """What is in one and not in the other, a line each."""
    lines = [
        f"{run}: {'lacking' if run in expected else 'unexpected'}" for run in sorted(found.keys() ^ expected.keys())
    ]
    for run in sorted(found.keys() & expected.keys()):
        ours, theirs = found[run], expected[run]
        for key in sorted(ours.keys() | theirs.keys()):
            if ours.get(key) != theirs.get(key):
                lines.append(f"{run}: {key}: {ours.get(key)} where {theirs.get(key)} was expected")
    return lines


def artifacts(folder: Path) -> dict[str, Any]:
    """Run folder → its manifest without circumstance: it holds the sha256 of each file, checked against the files."""
    no_half_runs(folder)
    found = {}
    for file in sorted((folder / "results").glob("*/*-????????????/manifest.json")):
        manifest = json.loads(file.read_text(encoding="utf-8"))
        del manifest["circumstance"]
        found[file.parent.relative_to(folder / "results").as_posix()] = manifest
    return found
