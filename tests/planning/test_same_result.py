"""Whatever changes no result changes no id: content counts, not what it is called, nor how it is said."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from snakelm.artifacts import records
from snakelm.core.errors import UserError
from snakelm.planning.explanation import explain
from snakelm.planning.plan import PlannedRun
from snakelm.planning.planner import make_plan
from snakelm.recipe.loading import load
from snakelm.runs.code import CodeDigests
from snakelm.runs.digests import FileDigests
from snakelm.runs.fingerprints import Fingerprints
from snakelm.runs.records import Manifest
from snakelm.runs.store import Store

CSV = "text,label\nfine,good\nawful,bad\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    files = {"d/t.csv": CSV, "d/a.txt": "one\n", "d/b.txt": "two\n", "d/t.tsv": "text\tlabel\nx\ty\n", "d/t.dat": CSV}
    files |= {"d/u.conllu": "1\ta\t_\tX\t_\t_\t_\t_\t_\t_\n", "d/p.parquet": "no matter"}
    for name, text in files.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    yield tmp_path


def corpus(**keys: Any) -> PlannedRun:
    return make_plan(load([], {"corpora": {"c": keys}}, "test"), Store()).of("fetch_corpus")[0]


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return corpus(**one).id == corpus(**other).id


SHA256 = hashlib.sha256(CSV.encode()).hexdigest()
URL = {"url": "http://127.0.0.1/t.csv", "sha256": "a" * 64}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"files": "d/t.csv"}, {"files": "./d/t.csv"}),
        ({"files": "d/t.csv"}, {"files": "d//t.csv"}),
        ({"files": "d/t.csv"}, {"files": "d/*.csv"}),
        ({"files": "d/?.txt"}, {"files": ["d/b.txt", "d/a.txt"]}),
        ({"files": "d/t.csv"}, {"files": ["d/t.csv", "d/*.csv"]}),
        ({"files": "d/t.csv"}, {"files": "d/t.csv", "format": "csv"}),
        ({"files": "d/t.csv"}, {"files": "d/t.csv", "sha256": SHA256}),
        ({"files": "d/t.csv"}, {"files": "d/t.dat", "format": "csv"}),
        ({"files": "d/t.csv"}, {"files": "d/t.csv", "encoding": "UTF8"}),
        ({"files": "d/t.csv"}, {"files": "d/t.csv", "encoding": "utf-8-sig"}),
        ({"files": "d/t.csv", "encoding": "latin-1"}, {"files": "d/t.csv", "encoding": "ISO-8859-1"}),
        ({"files": "d/t.csv"}, {"files": "d/t.csv", "delimiter": ",", "quote": '"', "header": True, "multiline": True}),
        ({"files": "d/t.tsv"}, {"files": "d/t.tsv", "delimiter": "tab", "quote": "", "multiline": False}),
        ({"files": "d/a.txt"}, {"files": "d/a.txt", "quote": "'", "delimiter": ";", "header": False}),
        ({"files": "d/a.txt"}, {"files": "d/a.txt", "column_names": ["a"], "tag_column": 3, "word_column": 1}),
        ({"files": "d/p.parquet"}, {"files": "d/p.parquet", "delimiter": ";", "encoding": "latin-1", "unit": "file"}),
        ({"files": "d/u.conllu"}, {"files": "d/u.conllu", "tag_column": "upos", "word_column": 2}),
        ({"hub": {"name": "a/b"}}, {"hub": {"name": "a/b"}, "encoding": "latin-1", "format": "csv"}),
        ({"python": "json:dumps"}, {"python": "json:dumps", "quote": ""}),
        (URL, {**URL, "url": "http://127.0.0.1/mirror/u.csv"}),
        (URL, {**URL, "format": "csv", "delimiter": ","}),
        ({"files": "d/t.csv", "strip": "yes"}, {"files": "d/t.csv", "strip": True}),
    ],
)
def test_what_leads_to_the_same_has_the_same_id(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"files": "d/a.txt"}, {"files": "d/b.txt"}),
        ({"files": "d/a.txt"}, {"files": ["d/a.txt", "d/b.txt"]}),
        ({"files": "d/t.csv"}, {"files": "d/t.dat", "format": "txt"}),
        ({"files": "d/a.txt"}, {"files": "d/a.txt", "unit": "line"}),
        ({"files": "d/t.csv"}, {"files": "d/t.csv", "delimiter": ";"}),
        ({"files": "d/t.csv"}, {"files": "d/t.csv", "header": False, "column_names": ["text", "label"]}),
        ({"files": "d/t.csv"}, {"files": "d/t.csv", "encoding": "latin-1"}),
        ({"files": ["d/a.txt", "d/b.txt"], "format": "parallel", "text": "source"},
         {"files": ["d/b.txt", "d/a.txt"], "format": "parallel", "text": "source"}),
        ({"files": "d/t.csv", "group": "file"}, {"files": "d/t.dat", "format": "csv", "group": "file"}),
        (URL, {**URL, "sha256": "b" * 64}),
        (URL, {"url": URL["url"]}),
        ({"url": "http://127.0.0.1/t.csv"}, {"url": "http://127.0.0.1/u.csv"}),
        ({"python": "json:dumps", "reads": "d/a.txt"}, {"python": "json:dumps", "reads": "d/b.txt"}),
    ],
)  # fmt: skip
def test_what_leads_to_something_else_has_another(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert not same(one, other)


def test_a_moved_folder_is_the_same_and_two_files_that_swap_their_names_are_not() -> None:
    before = corpus(files="d/?.txt").id
    shutil.move("d", "elsewhere")
    assert corpus(files="elsewhere/?.txt").id == before
    Path("elsewhere/a.txt").write_text("two\n")
    Path("elsewhere/b.txt").write_text("one\n")
    assert corpus(files="elsewhere/?.txt").id != before


def test_a_wrong_sum_is_found_when_planning_though_it_is_no_part_of_the_id() -> None:
    with pytest.raises(UserError, match=r"corpora\.c: d/t\.csv: sha256 is .*, but the recipe states 000"):
        corpus(files="d/t.csv", sha256="0" * 64)


def finetunings(**task: Any) -> set[str]:
    recipe = {
        "corpora": {"c": {"files": "d/a.txt"}},
        "tokenizers": {"t": {"corpus": "c", "family": "gpt2"}},
        "models": {"m": {"corpus": "c", "tokenizer": "t", "architecture": "gpt2", "steps": 3}},
        "tasks": {"k": {"type": "text_classification", "data": {"files": "d/t.csv"}, **task}},
        "experiments": [{"model": "m", "tasks": "k", "seeds": [1], "init": ["random"]}],
    }
    return {run.id for run in make_plan(load([], recipe, "test"), Store()).of("finetune")}


def test_values_are_what_their_keys_make_of_them() -> None:
    assert finetunings(grid={"epochs": ["2", 3]}) == finetunings(grid={"epochs": [2, 3.0]})
    assert finetunings(sweep={"batch_size": ["8", 16]}) == finetunings(sweep={"batch_size": [8, "16"]})
    assert finetunings(grid={"epochs": [2]}) != finetunings(grid={"epochs": [3]})
    assert finetunings(data={"files": "./d/*.csv", "format": "csv"}) == finetunings()


def test_what_train_and_test_read_cannot_be_swapped() -> None:
    Path("d/u.csv").write_text(CSV + "so,so\n")
    one, other = {"files": "d/t.csv"}, {"files": "d/u.csv"}
    assert finetunings(data=None, train=one, test=other) != finetunings(data=None, train=other, test=one)


def of_folder(name: str) -> Any:
    return Fingerprints(FileDigests(), CodeDigests()).folder(name)


def test_the_folder_of_an_outside_model_counts_by_the_files_that_are_read() -> None:
    model = Path("m")
    (model / "sub").mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "vocab.txt", "sub/config.json"):
        (model / name).write_text(name)
    before = of_folder("m")
    assert sorted(before) == ["config.json", "model.safetensors", "sub/config.json", "vocab.txt"]
    for name in (".DS_Store", "README.md", ".git/HEAD", "sub/.cache/x", "pytorch_model.bin", "LICENSE"):
        (model / name).parent.mkdir(parents=True, exist_ok=True)
        (model / name).write_text("x")
    assert of_folder("m") == of_folder("./m/") == before
    shutil.move("m", "moved")
    assert of_folder("moved") == before
    Path("moved/vocab.txt").write_text("other")
    assert of_folder("moved") != before
    assert of_folder("nowhere") is None


def test_files_behind_a_linked_subfolder_count_and_circles_end() -> None:
    Path("m").mkdir()
    Path("store").mkdir()
    Path("store/model.safetensors").write_text("one")
    Path("m/weights").symlink_to(Path("store").resolve())
    Path("store/back").symlink_to(Path("m").resolve())
    before = of_folder("m")
    assert list(before) == ["weights/model.safetensors"]
    Path("store/model.safetensors").write_text("two")
    assert of_folder("m") != before


def test_the_plan_says_nothing_of_a_name_and_something_of_content() -> None:
    run = corpus(files="d/t.csv")
    manifest = Manifest(
        run.stage, run.name, run.id, config=dict(run.identity), explicit=dict(run.explicit), sources=dict(run.sources)
    )
    run.folder.mkdir(parents=True)
    records.write(run.folder / "manifest.json", manifest)
    shutil.move("d/t.csv", "d/u.csv")

    def why(**keys: Any) -> list[str]:
        return explain(make_plan(load([], {"corpora": {"c": keys}}, "test"), Store()))[0].why

    assert why(files="d/u.csv") == []
    assert why(files="d/u.csv", strip=True)[0] == "strip: False → True"
    assert len(why(files="d/u.csv", strip=True)) <= 2  # the code of a manifest made here is none
    Path("d/u.csv").write_text("text\nother\n")
    assert why(files="d/u.csv")[:2] == ["source d/t.csv left out", "source d/u.csv new"]
