"""How scalars of a recipe are read: as people mean them, not as YAML 1.1 does."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from snakelm.core.errors import UserError
from snakelm.recipe.loading import load
from snakelm.recipe.parsing import read_yaml


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1:30", "1:30"),
        ("1:30.5", "1:30.5"),
        ("yes", "yes"),
        ("No", "No"),
        ("off", "off"),
        ("2020-01-01", "2020-01-01"),
        ("0123", "0123"),
        ("1" * 64, "1" * 64),
        ("1" * 30 + "e" + "2" * 33, "1" * 30 + "e" + "2" * 33),
        ("=", "="),
        ("1_000", 1000),
        ("0", 0),
        ("-1", -1),
        ("0x1f", 31),
        ("1e-3", 0.001),
        ("1.", 1.0),
        (".5", 0.5),
        ("-1.5e+3", -1500.0),
        (".inf", float("inf")),
        ("true", True),
        ("False", False),
        ("", None),
        ("~", None),
        ("null", None),
        ("300k", "300k"),
    ],
)
def test_scalars(written: str, read: Any, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(f"key: {written}\n")
    found = read_yaml(tmp_path / "r.yaml")["key"]
    assert found == read and type(found) is type(read)


def test_anchors_and_merges_work(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("x-base: &base {a: 1}\nkey: {<<: *base, b: 2}\n")
    assert read_yaml(tmp_path / "r.yaml") == {"key": {"a": 1, "b": 2}}


def recipe(tmp_path: Path, corpus: str, steps: str) -> Path:
    file = tmp_path / "r.yaml"
    file.write_text(
        f"corpora: {{c: {{files: t.csv, {corpus}}}}}\n"
        "tokenizers: {t: {corpus: c, kind: word_level, vocab_size: 50}}\n"
        f"models: {{m: {{corpus: c, tokenizer: t, architecture: gpt2, objective: clm, steps: {steps}}}}}\n"
    )
    return file


@pytest.mark.parametrize("steps", ["1:30", "yes"])
def test_what_is_no_number_is_refused_with_its_place(steps: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"models\.m\.steps: .*'{steps}'"):
        load([recipe(tmp_path, "header: no, column_names: [text]", steps)])


def test_booleans_and_sums_are_taken_as_they_are_written(tmp_path: Path) -> None:
    digits = "".join(str(int(letter, 16) % 10) for letter in hashlib.sha256(b"").hexdigest())
    (corpus,) = load(
        [recipe(tmp_path, f"header: no, column_names: [yes, no], text: yes, sha256: {digits}", "3")]
    ).corpora.values()
    assert corpus.header is False and corpus.column_names == ["yes", "no"] and corpus.sha256 == digits
