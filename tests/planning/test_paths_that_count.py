"""Where the path of a file says something (a folder for each class, the column `file`), a moved file is another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from snakelm.planning.planner import make_plan
from snakelm.recipe.loading import load
from snakelm.runs.store import Store


def ids(task: dict) -> set[str]:
    recipe = load(
        [],
        {
            "corpora": {"c": {"files": "corpus.txt", "unit": "line"}},
            "tokenizers": {"t": {"corpus": "c", "kind": "byte_level_bpe", "vocab_size": 300, "family": "gpt2"}},
            "models": {"m": {"corpus": "c", "tokenizer": "t", "architecture": "gpt2", "objective": "clm", "steps": 1}},
            "tasks": {"k": {"type": "text_classification", **task}},
            "experiments": [{"model": "m", "tasks": ["k"], "seeds": [1]}],
        },
        "test",
    )
    return {run.id for run in make_plan(recipe, Store()).of("finetune")}


@pytest.mark.parametrize(
    "keys", [{"label_from": "folder"}, {"label_column": "file"}, {"group_column": "file"}, {"text_pair_column": "file"}]
)
def test_a_file_that_changed_its_class(tmp_path, monkeypatch, keys):
    monkeypatch.chdir(tmp_path)
    Path("corpus.txt").write_text("one\ntwo\n")
    for name in ("ham/1", "ham/2", "spam/1", "spam/2"):
        path = Path(f"data/{name}.txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    task = {"data": {"files": "data/*/*.txt"}, **keys}
    before = ids(task)
    Path("data/ham/2.txt").rename("data/spam/0.txt")  # the order of the files is the same
    assert before and ids(task) != before
