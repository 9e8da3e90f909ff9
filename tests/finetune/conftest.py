"""Real models at tiny size, and a way to carry out a run as the workflow does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.finetune.lab import make_model, make_tokenizer


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> dict[str, Path]:
    """Name → folder of a tiny model with its tokenizer: gpt2 (causal), encoders, t5 (both)."""
    root = tmp_path_factory.mktemp("models")
    bytes_, pieces = make_tokenizer(root / "bytes"), make_tokenizer(root / "pieces", "pieces")
    return {
        "gpt2": make_model(root / "gpt2", bytes_, "gpt2", "decoder"),
        "bert": make_model(root / "bert", pieces, "bert", "encoder"),
        "roberta": make_model(root / "roberta", pieces, "roberta", "encoder"),
        "modernbert": make_model(root / "modernbert", pieces, "modernbert", "encoder"),
        "t5": make_model(root / "t5", pieces, "t5", "encoder-decoder"),
    }


@pytest.fixture(autouse=True)
def nothing_remembered():
    """Each test is a process of its own to the caches: their keys rely on the hashes that a real job is given."""
    from snakelm.finetune import data

    data._load.cache_clear()
    if network := sys.modules.get("snakelm.finetune.network"):
        network._made.clear()


@pytest.fixture
def run_task(tmp_path, models, monkeypatch):
    """Carry one fine-tuning run out; returns its folder and headline numbers. Paths are relative to tmp_path."""
    import torch

    from snakelm.finetune.config import FinetuneConfig
    from snakelm.finetune.finetune import finetune
    from snakelm.runs.context import RunContext

    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)

    def run(task: dict, model: str = "gpt2", seed: int = 0, name: str = "run", **more: object):
        out, work = tmp_path / name, tmp_path / more.pop("work", f"{name}.work")
        out.mkdir()
        work.mkdir(exist_ok=True)
        parents = {"pretrained": models[model], "tokenizer": models[model]} | more.pop("parents", {})
        cache = more.pop("cache", None)
        config = FinetuneConfig(task=task, seed=seed, **more)
        return out, finetune(RunContext(name, config, parents, out, work, cache=cache))

    return run


@pytest.fixture
def write_csv(tmp_path):
    """Write rows as a CSV file; returns its source for a recipe."""
    import csv

    def write(name: str, columns: list[str], rows: list[tuple]) -> dict:
        with open(tmp_path / name, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(rows)
        return {"files": name}

    return write
