"""The staleness matrix: every key of every config model is changed once, and what runs is held against its place."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from snakelm.artifacts import records
from snakelm.planning.plan import Plan
from snakelm.planning.planner import make_plan
from snakelm.recipe.loading import load
from snakelm.runs.records import Manifest
from snakelm.runs.store import Store
from tests.planning.matrix import SECTIONS, Variant, bases, chain, join, variants

RECIPE = Path(__file__).resolve().parents[1] / "recipes" / "matrix.yaml"
BELOW_MODEL = {"pretrain", "finetune.pretrained", "evaluate.pretrained"}
BOTH = {"finetune.pretrained", "finetune.random", "evaluate.pretrained", "evaluate.random"}
# The package that declares a key → what a change of the key makes stale.
IMPLIED = {
    # A source or a key of every entry: the section tells whose it is.
    "readers": None,
    "core": None,
    "training": None,
    "fetch_corpus": {"fetch_corpus", "train_tokenizer", "save_tokenizer", "encode_corpus", "pretrain"} | BOTH,
    "train_tokenizer": {"train_tokenizer", "save_tokenizer", "encode_corpus", "pretrain"} | BOTH,
    "save_tokenizer": {"save_tokenizer", "encode_corpus", "pretrain"} | BOTH,
    "encode_corpus": {"encode_corpus"} | BELOW_MODEL,
    "architectures": {"pretrain"} | BOTH,
    "pretrain": BELOW_MODEL,
    "objectives": BELOW_MODEL,
    "finetune": BOTH,
    "tasks": BOTH,
}
OF_SECTION = {"corpora": "fetch_corpus", "tokenizers": "train_tokenizer", "models": "pretrain", "tasks": "finetune"}


def implied(variant: Variant) -> set[str]:
    if variant.circumstance:
        return set()
    if variant.path == ("objective",):  # another kind of network, for the random twin too
        return set(IMPLIED["architectures"] or ())
    package = variant.owner.__module__.split(".")[1]
    found = IMPLIED[package] or IMPLIED[OF_SECTION[variant.section]]
    return set(found)


def finish(plan: Plan) -> None:
    """Make every run of a plan look complete, as far as planning can see."""
    for run in plan.runs.values():
        run.folder.mkdir(parents=True, exist_ok=True)
        records.write(run.folder / "manifest.json", Manifest(run.stage, run.name, run.id))


@pytest.fixture(scope="module")
def planned(make_workspace, tmp_path_factory):
    """The matrix planned with all base entries complete: (variants by label, plan, workspace)."""
    workspace = make_workspace()
    data = workspace.folder / "data"
    data.mkdir()
    (data / "a.txt").write_text("one\n")
    (data / "b.txt").write_text("two\n")
    (data / "a.csv").write_text("text,label\nyes,1\n")
    (data / "a.conll").write_text("yes A\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(workspace.folder)
        recipe = yaml.safe_load(RECIPE.read_text())
        found, missed = variants(recipe)
        assert not missed, f"no base entry of {RECIPE.name} takes another value for {missed}"
        labelled = {f"{v.section}-{v.base}-{'_'.join(v.path)}": v for v in found}
        base = bases(recipe)
        Path("base.yaml").write_text(yaml.safe_dump(base))
        chains = [chain(recipe, v.section, v.entry, label) for label, v in labelled.items()]
        Path("all.yaml").write_text(yaml.safe_dump(join(base, *chains), sort_keys=False))
        before = make_plan(load(["base.yaml"]), Store(), name="all")
        finish(before)
        plan = make_plan(load(["all.yaml"]), Store(), name="all")
    return labelled, plan, workspace


def test_every_key_makes_stale_what_its_place_implies(planned):
    labelled, plan, _ = planned
    stale: dict[str, set[str]] = {label: set() for label in labelled}
    for run in plan.runs.values():
        if run.done or run.stage == "report":
            continue
        # An encoded corpus is named after corpus and tokenizer: the model that asked for it has the label.
        child = next((other for other in plan.of("pretrain") if run in other.parents.values()), run)
        about = (run if run.stage != "encode_corpus" else child).subject
        entries = (about.task, about.model, about.tokenizer, about.corpus)
        label = next(entry for entry in entries if entry in labelled)
        kind = f"{run.stage}.{about.init}" if about.init else run.stage
        stale[label].add(kind)
    wrong = {
        label: f"stale: {sorted(stale[label])}, implied: {sorted(implied(variant))}"
        for label, variant in labelled.items()
        if stale[label] != implied(variant)
    }
    assert not wrong, "\n".join(f"{label}: {text}" for label, text in wrong.items())
    assert len(labelled) > 200 and {v.section for v in labelled.values()} == set(SECTIONS)


def test_snakemake_schedules_exactly_the_plan(planned):
    _, plan, workspace = planned
    wanted = {(job.stage, job.key) for job in plan.jobs if not job.done}
    made_up = ("--config", "check_data=false")  # its data are
    assert workspace.scheduled("--configfile", "all.yaml", *made_up) == wanted
    assert {stage for stage, _ in workspace.scheduled("--configfile", "base.yaml", *made_up)} <= {"report"}


@pytest.mark.parametrize(
    ("override", "stale"),
    [
        ({"evaluate": {"confidence": 0.8}}, {"evaluate", "report"}),
        ({"report": {"title": "Other"}}, {"report"}),
        ({"resources": {"pretrain": {"threads": 7, "gpus": 2}}}, set()),
        ({"on_code_change": "keep"}, set()),
        ({"check_data": False}, set()),
    ],
)
def test_settings_of_the_whole_recipe(planned, monkeypatch, override, stale):
    _, _, workspace = planned
    monkeypatch.chdir(workspace.folder)
    finish(make_plan(load(["base.yaml"]), Store(), name="base"))
    plan = make_plan(load(["base.yaml"], override), Store(), name="base")
    assert {run.stage for run in plan.runs.values() if not run.done} == stale
