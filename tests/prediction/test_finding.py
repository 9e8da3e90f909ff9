"""Which run a name means: exact names first, then cells, models with tasks, tasks; and one line where none is meant."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from snakelm.core.errors import UserError
from snakelm.prediction.finding import find
from snakelm.runs.digests import file_sha256
from snakelm.runs.records import FileEntry, Subject
from snakelm.runs.records import Manifest as Record


class Run:
    """What `find` looks at of a planned run."""

    def __init__(self, folder: Path, cell: str, seed: int, done: bool = True):
        model, task, init = cell.split(".")
        self.name, self.cell, self.done, self.folder = f"{cell}.s{seed}", cell, done, folder / f"{cell}.s{seed}"
        self.names = [self.name]
        self.subject = Subject(model=model, task=task, init=init, seed=seed)
        if done:
            from snakelm.artifacts import records

            self.folder.mkdir(parents=True)
            (self.folder / "weights").write_text(self.name)
            files = {"weights": FileEntry(file_sha256(self.folder / "weights"), len(self.name))}
            records.write(self.folder / "manifest.json", Record("finetune", self.name, "0" * 12, files=files))


@pytest.fixture
def plan(tmp_path: Path) -> Any:
    cells = (
        "tiny.era.random",
        "tiny.era.pretrained",
        "tiny.year.pretrained",
        "small.year.pretrained",
        "tiny.ner.random",
    )
    runs = [Run(tmp_path, cell, seed) for cell in (*cells, "tiny.year.tfidf", "tiny.ner.majority") for seed in (3, 1)]
    runs.append(Run(tmp_path, "tiny.later.pretrained", 1, done=False))
    jobs = {run: SimpleNamespace(names=[run.cell]) for run in runs}
    store = SimpleNamespace(cache=tmp_path / "cache")
    return SimpleNamespace(of=lambda stage: runs, job_of=jobs, store=store)


COMMAND = ["snakelm", "run", "--configfile", "my recipe.yaml"]


@pytest.mark.parametrize(
    ("name", "seed", "meant"),
    [
        ("tiny.era.pretrained.s1", None, "tiny.era.pretrained.s1"),
        ("tiny.era.random", None, "tiny.era.random.s3"),
        ("tiny.era", None, "tiny.era.pretrained.s3"),
        ("tiny.era", 1, "tiny.era.pretrained.s1"),
        ("era", None, "tiny.era.pretrained.s3"),
        ("small.*", None, "small.year.pretrained.s3"),
        ("ner", None, "tiny.ner.random.s3"),
        ("tiny.*.random.s1", None, None),
    ],
)
def test_a_name(plan, name, seed, meant):
    if meant is None:
        with pytest.raises(UserError, match=r"means several, tiny\.era, tiny\.ner; name one"):
            find(plan, f"finetune:{name}", seed, COMMAND)
    else:
        assert find(plan, f"finetune:{name}", seed, COMMAND).name == meant


@pytest.mark.parametrize(
    ("wanted", "seed", "said"),
    [
        ("finetune:year", None, r"means several, small\.year, tiny\.year; name one"),
        ("finetune:tiny.eras", None, r"no such run; did you mean tiny\.era\?"),
        ("tiny.era", None, r"write finetune:<model>\.<task>"),
        ("pretrain:tiny", None, r"predictions are those of a fine-tuning"),
        ("finetune:", None, r"write finetune:"),
        ("finetune:era", 2, r"no seed 2 of it, but 3, 1"),
        ("finetune:tiny.year.tfidf", None, r"the baseline tfidf keeps no fitted model"),
        (
            "finetune:later",
            None,
            r"is not made yet; make it with: snakelm run --configfile 'my recipe\.yaml' --cores all"
            r" --config only=finetune:tiny\.later\.pretrained\.s1$",
        ),
    ],
)
def test_no_run_is_meant(plan, wanted, seed, said):
    with pytest.raises(UserError, match=said) as raised:
        find(plan, wanted, seed, COMMAND)
    assert len(raised.value.lines) == 1


def test_a_damaged_run_is_refused(plan, tmp_path):
    (tmp_path / "tiny.era.pretrained.s3" / "weights").write_text("x" * 22)
    with pytest.raises(UserError, match="weights: is damaged"):
        find(plan, "finetune:era", None, COMMAND)
