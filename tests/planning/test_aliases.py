"""Two entries that mean the same share a run, which answers to both names; and results/latest belongs to a recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from snakelm.artifacts import records
from snakelm.core.errors import UserError
from snakelm.maintenance.garbage import delete, garbage, needed
from snakelm.planning.explanation import explain
from snakelm.planning.links import link_latest
from snakelm.planning.orders import order_of
from snakelm.planning.plan import Plan
from snakelm.planning.planner import make_plan
from snakelm.planning.summary import whereabouts
from snakelm.recipe.loading import load
from snakelm.runs.records import Manifest
from snakelm.runs.store import Store

RECIPE = """
corpora: {c: {files: text.txt, split: none}}
tokenizers: {t: {corpus: c, vocab_size: 300}}
models:
  one: {corpus: c, tokenizer: t, steps: 2}
  two: {corpus: c, tokenizer: t, steps: 2}
tasks: {k: {type: text_classification, data: {files: rows.csv}}}
experiments: [{model: [one, two], tasks: k, seeds: [1, 2], init: [pretrained]}]
"""
MORE_STEPS = RECIPE.replace("steps: 2", "steps: 3")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("one two\n")
    Path("rows.csv").write_text("text,label\nyes,a\nno,b\n")
    return tmp_path


def plan(name: str = "r", text: str = RECIPE) -> Plan:
    Path(f"{name}.yaml").write_text(text)
    return make_plan(load([f"{name}.yaml"]), name=name)


def pretend(made: Plan) -> None:
    """Let every run of the plan look made."""
    for run in made.runs.values():
        run.folder.mkdir(parents=True, exist_ok=True)
        for name in ("manifest.json", ".manifest.json"):
            records.write(run.folder / name, Manifest(run.stage, run.name, run.id))
        if run.stage == "report":
            (run.folder / "report.html").write_text(made.name)


@pytest.mark.parametrize(
    ("only", "names"),
    [
        ("pretrain:two", {"one"}),
        ("finetune:two.*", {"one.k.pretrained"}),
        ("finetune:two.k.pretrained", {"one.k.pretrained"}),
        ("finetune:two.k.pretrained.s2", {"one.k.pretrained"}),
        ("evaluate:two.*", {"one.k.pretrained"}),
        ("pretrain:one", {"one"}),
    ],
)
def test_only_knows_every_name_of_a_run(only: str, names: set[str]) -> None:
    assert {job.name for job in plan().matching(only)} == names


def test_a_slip_in_only_is_told_all_names() -> None:
    with pytest.raises(UserError, match="pretrain has one, two"):
        plan().matching("pretrain:tow")


def test_the_plan_shows_an_alias_beside_the_run() -> None:
    (line,) = (line for line in explain(plan()) if line.stage == "pretrain")
    assert (line.name, line.aliases) == ("one", ["two"]) and line.title == "one (= two)"
    assert line.as_json()["aliases"] == ["two"]


def test_latest_has_every_name() -> None:
    pretend(plan())
    link_latest(plan())
    latest = Path("results/latest")
    assert (latest / "pretrain" / "one").resolve() == (latest / "pretrain" / "two").resolve()
    assert (latest / "finetune" / "two.k.pretrained.s1" / "manifest.json").exists()
    told = whereabouts(plan())
    assert "results/latest/pretrain/one" in told and "results/latest/pretrain/two  (= one)" in told


def test_a_job_is_told_all_names() -> None:
    made = plan()
    (job,) = made.matching("pretrain:one")
    order = order_of(job, made, "")
    assert order.recipe == "r" and order.runs[0].aliases == ("two",)


def test_latest_belongs_to_a_recipe() -> None:
    for name, text in (("a", RECIPE), ("b", MORE_STEPS)):
        pretend(plan(name, text))
        link_latest(plan(name, text))
    a, b = (Path("results/recipes") / name for name in "ab")
    assert (a / "pretrain" / "one").resolve() != (b / "pretrain" / "one").resolve()
    assert (a / "report.html").read_text() == "a" and (b / "report.html").read_text() == "b"
    assert Path("results/latest").resolve() == b.resolve() and Path("results/report.html").read_text() == "b"
    link_latest(plan("a"))
    assert Path("results/latest").resolve() == a.resolve() and Path("results/report.html").read_text() == "a"
    assert (b / "pretrain" / "one").resolve() != (a / "pretrain" / "one").resolve()


def test_a_folder_latest_of_an_earlier_version_makes_way() -> None:
    old = Path("results/latest/pretrain")
    old.mkdir(parents=True)
    (old / "one").symlink_to("../../pretrain/one-000000000000")
    pretend(plan())
    link_latest(plan())
    assert Path("results/latest").is_symlink() and Path("results/latest/pretrain/one/manifest.json").exists()
    (kept,) = Path("results/.work/aside").iterdir()
    assert (kept / "pretrain" / "one").is_symlink()


def test_collecting_a_recipe_takes_its_links_too() -> None:
    for name, text in (("a", RECIPE), ("b", MORE_STEPS)):
        pretend(plan(name, text))
        link_latest(plan(name, text))
    store = Store()
    elsewhere = Path("results/evaluate")
    elsewhere.rename("moved")
    elsewhere.symlink_to("a disk that is not there")
    list(delete(garbage(needed([plan("a")], store), store), store))
    b = Path("results/recipes/b")
    assert {path.name for path in b.iterdir()} == {"fetch_corpus", "train_tokenizer", "save_tokenizer", "encode_corpus"}
    assert not Path("results/report.html").is_symlink()  # it was that of b
    assert Path("results/recipes/a/pretrain/two/manifest.json").exists() and elsewhere.is_symlink()
