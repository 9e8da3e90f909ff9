"""The JSON schema for editors takes what the reader takes, and refuses slips."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from snakelm.recipe.docs import schema
from snakelm.recipe.loading import load
from snakelm.recipe.parsing import _Loader
from tests.workspace import ROOT

VALIDATOR = jsonschema.Draft202012Validator(json.loads(schema()))
BASE = """
corpora: {c: {files: a.txt}}
tokenizers: {t: {corpus: c}}
models: {m: {corpus: c, tokenizer: t, MODEL}}
TOP
"""


def said(data: Any) -> list[str]:
    return [f"{list(error.path)}: {error.message}" for error in VALIDATOR.iter_errors(data)]


@pytest.mark.parametrize("file", [*(ROOT / "config").glob("*.yaml"), *(ROOT / "tests/recipes").glob("*.yaml")], ids=str)
def test_recipes_of_the_checkout_are_valid(file: Path) -> None:
    assert said(yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)) == []


@pytest.mark.parametrize(
    ("model", "top"),
    [
        ("tokens: 300k", ""),
        ("tokens: 1.5M", ""),
        ("tokens: 1e6", ""),
        ("steps: 1e3", ""),
        ("steps: 5, batch_tokens: 4k", ""),
        ("steps: 5, compile: yes", ""),
        ("steps: 5, compile: off", ""),
        ("steps: 5, sweep: {learning_rate: [1e-3, 3e-3]}", ""),
        ("steps: 5", "x-shared: &s [1, 2]"),
        ("steps: 5", ".shared: {anything: at all}"),
        ("steps: 5", "resources: {pretrain: {gpus: 1}}"),
    ],
)
def test_what_the_reader_takes_the_schema_takes(model: str, top: str, tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(BASE.replace("MODEL", model).replace("TOP", top))
    load([file])
    assert said(yaml.load(file.read_text(), Loader=_Loader)) == []


@pytest.mark.parametrize(
    ("model", "top"), [("stps: 5", ""), ("steps: 5, compile: perhaps", ""), ("steps: 5", "modls: {}")]
)
def test_what_the_reader_refuses_the_schema_refuses(model: str, top: str) -> None:
    assert said(yaml.load(BASE.replace("MODEL", model).replace("TOP", top), Loader=_Loader))
