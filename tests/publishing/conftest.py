"""One small recipe, carried out once: what cards and pushing are tested on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workspace import ROOT, Workspace

RECIPE = """\
corpora:
  prose:
    files: tests/recipes/prose.txt
    unit: paragraph
    split: {validation: 0.1, test: 0.1}
    license: cc0-1.0
    source: "Invented prose | for <tests>, [see](http://example.org)"
    language: en
tokenizers:
  bpe: {corpus: prose, kind: byte_level_bpe, vocab_size: 320}
  pieces: {corpus: prose, kind: bert_wordpiece, vocab_size: 320}
x-small: &small {corpus: prose, hidden_size: 16, layers: 1, heads: 2, sequence_length: 32, batch_size: 8, steps: 6}
models:
  tiny: {<<: *small, tokenizer: bpe, architecture: gpt2, objective: clm, prompts: ["The old"]}
  masked: {<<: *small, tokenizer: pieces, architecture: bert, objective: mlm}
tasks:
  topic: {type: text_classification, data: {files: tests/recipes/topic.csv}, epochs: 1, max_length: 32}
  pooled: {type: text_classification, data: {files: tests/recipes/topic.csv}, epochs: 1, max_length: 32, pooling: mean}
experiments:
  - {model: tiny, tasks: topic, seeds: [1, 2], baselines: [majority]}
  - {model: masked, tasks: pooled, seeds: [1], init: [pretrained]}
"""


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace whose recipe r.yaml is carried out."""
    workspace = Workspace(tmp_path_factory.mktemp("made"))
    shutil.copytree(ROOT / "tests" / "recipes", workspace.folder / "tests" / "recipes")
    (workspace.folder / "r.yaml").write_text(RECIPE)
    workspace.snakelm("run", "--configfile", "r.yaml")
    return workspace


@pytest.fixture
def here(made: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The same, as the working directory; leave it as it was."""
    monkeypatch.chdir(made.folder)
    return made


@pytest.fixture
def latest(here: Workspace) -> Callable[[str, str], Path]:
    return lambda stage, name: (Path("results/latest") / stage / name).resolve().relative_to(here.folder.resolve())
