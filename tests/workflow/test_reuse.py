"""Real jobs of runs that are shared (baselines), moved (sources) and made again (libraries)."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import yaml

from tests.workspace import Workspace

ONLY = ("--configfile", "r.yaml", "--config", "only=evaluate:*")


def write(folder: Path, **keys: object) -> None:
    data = keys.pop("data", "t.csv")
    task = {"type": "text_classification", "data": {"files": data}, **keys.pop("task", {})}  # type: ignore[dict-item]
    model = {"corpus": "c", "tokenizer": "t", "architecture": "gpt2", "steps": 3}
    recipe = {
        "corpora": {"c": {"files": "a.txt", "split": "none"}},
        "tokenizers": {"t": {"corpus": "c", "family": "gpt2"}},
        "models": {"one": model, "two": model | {"steps": 4}},
        "tasks": {"k": task},
        "experiments": [
            {"model": ["one", "two"], "tasks": "k", "seeds": [1, 2], "init": [], "baselines": ["majority"]}
        ],
        **keys,
    }
    (folder / "r.yaml").write_text(yaml.safe_dump(recipe))


def accuracies(run: Path) -> list[dict[str, str]]:
    """The rows of the test's accuracy in a run's metrics.tsv."""
    with open(run / "metrics.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [row for row in rows if (row["metric"], row["split"]) == ("accuracy", "test")]


def folders(workspace: Workspace, stage: str) -> list[Path]:
    return sorted((workspace.folder / "results" / stage).glob("*-*"))


def test_a_baseline_is_made_once_and_again_for_a_library_if_that_is_asked_for(workspace: Workspace) -> None:
    here = workspace.folder
    (here / "a.txt").write_text("one\n")
    (here / "t.csv").write_text("text,label\n" + "fine,good\nawful,bad\n" * 20)
    write(here)
    workspace.snakemake(*ONLY)
    (run,) = folders(workspace, "finetune")
    (evaluation,) = folders(workspace, "evaluate")
    rows = accuracies(evaluation)
    assert [row["seed"] for row in rows] == [""]

    workspace.snakemake("--configfile", "r.yaml", "--config", "only=finished")
    (report,) = folders(workspace, "report")
    rows = accuracies(report)
    (report / "report.html").unlink()  # as Snakemake does where it is killed at the wrong moment
    workspace.snakemake("--configfile", "r.yaml", "--config", "only=finished", "--forcerun", "report")
    assert (report / "report.html").is_file()
    places = [(row["model"], row["task"], row["init"], row["seed"]) for row in rows]
    assert places == [(model, "k", "majority", "") for model in ("one", "two")]

    shutil.move(here / "t.csv", here / "moved.csv")
    write(here, data="./moved.csv", task={"learning_rate": 1e-3})
    assert not workspace.scheduled(*ONLY)

    for name in ("manifest.json", ".manifest.json"):
        manifest = json.loads((run / name).read_text())
        manifest["versions"]["numpy"] = "1.0"
        (run / name).write_text(json.dumps(manifest))
    assert "made with numpy 1.0; now" in workspace.snakelm("plan", "--configfile", "r.yaml")
    assert not workspace.scheduled(*ONLY)
    write(here, data="moved.csv", on_library_change="rerun")
    workspace.snakemake(*ONLY)
    assert len(folders(workspace, "finetune")) == 2
    assert not workspace.scheduled(*ONLY)
