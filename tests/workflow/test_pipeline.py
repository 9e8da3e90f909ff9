"""The whole pipeline at tiny size, run for real; what follows from having run it."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
from pathlib import Path

import pytest
import yaml

from tests.workspace import ROOT, Workspace

RECIPE = ROOT / "tests" / "recipes" / "tiny.yaml"


@pytest.fixture(scope="module")
def done(make_workspace) -> Workspace:
    """A workspace in which the tiny recipe has run to its report."""
    workspace = make_workspace()
    (workspace.folder / "tests").mkdir()
    shutil.copytree(RECIPE.parent, workspace.folder / "tests" / "recipes")
    write(workspace, yaml.safe_load(RECIPE.read_text()))
    workspace.snakemake("--configfile", "r.yaml")
    return workspace


def write(workspace: Workspace, recipe: dict) -> None:
    (workspace.folder / "r.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))


def recipe() -> dict:
    return yaml.safe_load(RECIPE.read_text())


def stages(workspace: Workspace, *arguments: str) -> set[str]:
    return {stage for stage, _ in workspace.scheduled("--configfile", "r.yaml", *arguments)}


def planned(workspace: Workspace, *arguments: str) -> list[dict]:
    return json.loads(workspace.snakelm("plan", "--configfile", "r.yaml", "--json", *arguments))


def snapshot(workspace: Workspace) -> dict[str, tuple[int, bytes]]:
    """Every file of every complete run: time stamp and content. (Snakemake touches the files it waits for itself,
    and the card beside a run is no part of it.)"""
    results = workspace.folder / "results"
    found = {}
    for manifest in sorted(results.glob("*/*/manifest.json")):
        if not manifest.parent.is_symlink() and manifest.parent.parent.name != "latest":
            for path in manifest.parent.rglob("*"):
                if path.is_file() and path.name != "README.md":
                    stamp = 0 if path.name in ("manifest.json", "report.html") else path.stat().st_mtime_ns
                    found[str(path.relative_to(results))] = (stamp, path.read_bytes())
    return found


def test_everything_is_there_and_loads(done):
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

    results = done.folder / "results"
    latest = results / "latest"
    tokenizer = AutoTokenizer.from_pretrained(latest / "save_tokenizer" / "bpe")
    model = AutoModelForCausalLM.from_pretrained(latest / "pretrain" / "tiny")
    assert model.config.vocab_size >= len(tokenizer) > 256
    AutoModelForSequenceClassification.from_pretrained(latest / "finetune" / "tiny.topic.pretrained.s1")
    page = (results / "report.html").read_text()
    assert '"kind":"intervals"' in page and 'src="http' not in page
    rows = list(csv.DictReader((results / "metrics.tsv").open(), delimiter="\t"))
    assert {(row["init"], row["seed"]) for row in rows if row["main"] == "true"} == {
        (init, seed) for init in ("pretrained", "random") for seed in ("1", "2")
    }
    assert not list(results.rglob("*.part")) and not list((results / ".work").glob("*/*/out"))


def test_manifests_describe_their_runs(done):
    from snakelm.runs.digests import file_sha256

    for path in sorted((done.folder / "results").glob("*/*/manifest.json")):
        manifest = json.loads(path.read_text())
        assert path.parent.name == f"{manifest['name']}-{manifest['id']}"
        for name, entry in manifest["files"].items():
            assert file_sha256(path.parent / name) == entry["sha256"]
        for parent in manifest["parents"].values():
            assert (done.folder / "results" / parent["stage"] / f"{parent['name']}-{parent['id']}").is_dir()


def test_the_inits_of_a_task_share_its_tokenized_texts(done):
    logs = [path.read_text() for path in (done.folder / "results" / "logs" / "finetune").glob("tiny.topic.*.log")]
    assert len(logs) == 2
    assert sum(log.count("tokenized: ") for log in logs) == 1
    assert sum(log.count("using cached features") for log in logs) == 1


def test_a_second_run_has_nothing_to_do(done):
    before = snapshot(done)
    assert "Nothing to be done" in done.snakemake("--configfile", "r.yaml")
    assert stages(done) == set()
    assert snapshot(done) == before


def test_an_edited_fine_tuning_reruns_only_what_is_below_and_going_back_costs_nothing(done):
    edited = recipe()
    edited["tasks"]["topic"]["learning_rate"] = 0.02
    write(done, edited)
    assert stages(done) == {"finetune", "evaluate", "report"}
    write(done, recipe())
    assert stages(done) == set()


def test_a_task_that_states_its_gpus_is_given_them(done):
    edited = recipe()
    edited["tasks"]["topic"] |= {"learning_rate": 0.03, "gpus": 1}
    write(done, edited)
    printed = done.snakemake("-n", "--configfile", "r.yaml")
    write(done, recipe())
    asked = {rule: "gpu=1" in text for rule, text in re.findall(r"\nrule (\w+):(.*?)\n\n", printed, re.DOTALL)}
    assert asked["finetune"] and not asked["evaluate"]


def test_touched_copied_and_moved_files_change_nothing(done, tmp_path):
    before = snapshot(done)
    for path in [
        *done.folder.rglob("*.py"),
        *done.folder.rglob("*.smk"),
        *done.folder.rglob("*.txt"),
        done.folder / "r.yaml",
    ]:
        os.utime(path)
    for manifest in (done.folder / "results").glob("fetch_corpus/*/manifest.json"):
        os.utime(manifest)
    assert stages(done) == set()
    # A copy elsewhere, without time stamps and without Snakemake's own records.
    copy = tmp_path / "elsewhere"
    shutil.copytree(
        done.folder, copy, symlinks=True, copy_function=shutil.copy, ignore=shutil.ignore_patterns(".snakemake")
    )
    moved = Workspace.__new__(Workspace)
    moved.folder = copy
    assert stages(moved) == set()
    assert {key: content for key, (_, content) in snapshot(done).items()} == {
        key: content for key, (_, content) in before.items()
    }


def test_code_edits_count_by_meaning_for_snakemake_too(done):
    file = done.folder / "scripts" / "snakelm" / "finetune" / "finetune.py"
    text = file.read_text()
    file.write_text(text + "\n\n# a remark\n")
    assert stages(done) == set()
    file.write_text(text + "\n\nADDED = 1\n")
    assert stages(done) == {"finetune", "evaluate", "report"}
    assert stages(done, "--config", "on_code_change=keep") == set()
    kept = done.snakelm("plan", "--configfile", "r.yaml", "--json", "--config", "on_code_change=keep", code=0)
    states = {line["stage"]: line["state"] for line in json.loads(kept)}
    assert states["finetune"] == "kept from other code" and states["pretrain"] == "done"
    file.write_text(text)
    for rule in (done.folder / "workflow" / "rules").glob("*.smk"):
        rule.write_text(rule.read_text().replace("exec python", "exec  python"))
    assert stages(done) == set()


def test_a_manifest_that_is_damaged_is_read_from_its_copy_and_otherwise_its_run_is_to_do(done):
    manifest = (done.folder / "results" / "latest" / "pretrain" / "tiny" / "manifest.json").resolve()
    copy = manifest.with_name(".manifest.json")
    whole = manifest.read_bytes()
    file = done.folder / "scripts" / "snakelm" / "pretrain" / "pretrain.py"
    code = file.read_text()
    try:
        manifest.write_bytes(whole[: len(whole) // 2])
        assert stages(done) == set()
        file.write_text(code + "\n\nADDED = 1\n")
        assert stages(done, "--config", "on_code_change=keep") == set()
        file.write_text(code)
        assert manifest.read_bytes() == whole  # put back from its copy
        for either in (manifest, copy):
            either.write_bytes(b"\0")
        (line,) = (line for line in planned(done) if line["stage"] == "pretrain")
        assert line["state"] == "to do" and "manifest" in line["why"][0]
        assert line["folder"].endswith(manifest.parent.name)
    finally:
        manifest.write_bytes(whole)
        copy.write_bytes(whole)
        file.write_text(code)


def test_forcing_snakemake_loses_nothing(done):
    before = snapshot(done)
    printed = done.snakemake("--configfile", "r.yaml", "--forcerun", "pretrain")
    assert "is complete already" in printed
    assert snapshot(done) == before


def test_forcing_hides_nothing_that_is_missing_below(done):
    missing = done.folder / "results" / "latest" / "evaluate" / "tiny.topic.random"
    kept = missing.resolve().rename(done.folder / "kept")
    report = (done.folder / "results" / "latest" / "report" / "r").resolve()
    report.rename(done.folder / "report")
    try:
        assert stages(done) == {"evaluate", "report"}
        assert stages(done, "--forcerun", "fetch_corpus") >= {"fetch_corpus", "evaluate", "report"}
    finally:
        kept.rename(missing.parent / missing.readlink())
        (done.folder / "report").rename(report)


def test_a_source_with_other_bytes_but_the_same_text_reruns_fetch_corpus_alone(done):
    source = done.folder / "tests" / "recipes" / "prose.txt"
    before, text = snapshot(done), source.read_bytes()
    source.write_bytes(text.replace(b"\n\n", b"\n\n\n"))
    assert "pretrain" in stages(done)  # what comes out of the source is not known yet
    printed = done.snakemake("--configfile", "r.yaml")
    assert "training:" not in printed and "same as" in printed
    added = {name.split("/")[0] for name in snapshot(done).keys() - before.keys()}
    assert added == {"fetch_corpus"}
    assert stages(done) == set()
    source.write_bytes(text)
    assert stages(done) == set()
    assert {name: snapshot(done)[name] for name in before} == before


def test_there_and_back_makes_each_run_once(done):
    first, second = recipe(), recipe()
    second["tokenizers"]["bpe"]["vocab_size"] = 330
    second["models"]["tiny"]["weight_decay"] = 0.1
    second["models"]["tiny"]["seed"] = 2
    second["tasks"]["topic"]["warmup"] = 0.3
    second["experiments"][0]["seeds"] = [1, 3]
    made = []
    for wanted in (second, first, second):
        write(done, wanted)
        before = snapshot(done)
        done.snakemake("--configfile", "r.yaml")
        after = snapshot(done)
        assert {name: after[name] for name in before} == before, "a complete run was changed"
        made.append({name.rsplit("/", 1)[0] for name in after.keys() - before.keys()})
        assert stages(done) == set()
    assert made[0] and not made[1] and not made[2]
    write(done, recipe())


def test_a_seed_more_trains_that_seed_only(done):
    more = recipe()
    more["experiments"][0]["seeds"] = [1, 2, 4]
    write(done, more)
    before = snapshot(done)
    done.snakemake("--configfile", "r.yaml")
    tuned = {
        Path(name).parts[1].rpartition("-")[0]
        for name in snapshot(done).keys() - before.keys()
        if name.startswith("finetune")
    }
    assert tuned == {"tiny.topic.pretrained.s4", "tiny.topic.random.s4"}
    write(done, recipe())


def test_only_one_run_can_be_asked_for(done):
    other = recipe()
    other["models"]["tiny"]["learning_rate"] = 0.02
    write(done, other)
    assert stages(done, "--config", "only=pretrain:tiny") == {"pretrain"}
    assert "the recipe has no such run" in done.snakemake(
        "-n", "--configfile", "r.yaml", "--config", "only=pretrain:no", code=1
    )
    write(done, recipe())


@pytest.mark.parametrize("forced", [False, True])
def test_a_fine_tuning_that_was_taken_away_is_made_again(done, forced):
    """Its cell's file still stood there, and Snakemake asks for nothing else."""
    before = snapshot(done)
    folders = {(line["stage"], line["name"]): done.folder / line["folder"] for line in planned(done)}
    shutil.rmtree(folders["finetune", "tiny.topic.random.s2"])
    if forced:  # a cell's file that came back is no proof
        for cell in (done.folder / "results/finetune/cells").glob("tiny.topic.random-*.json"):
            if len(json.loads(cell.read_text())["runs"]) == 2:
                done.python("scripts/finetune.py", str(cell.relative_to(done.folder)))
    else:
        shutil.rmtree(folders["report", "r"])
        assert stages(done) == {"finetune", "report"}
        done.snakemake("--configfile", "r.yaml")
    assert snapshot(done).keys() == before.keys() and stages(done) == set()


def test_a_run_that_was_moved_to_another_disk_and_linked_is_there(done, tmp_path):
    folder = (done.folder / "results" / "latest" / "pretrain" / "tiny").resolve()
    shutil.move(folder, tmp_path / folder.name)
    folder.symlink_to(tmp_path / folder.name)
    try:
        assert {line["state"] for line in planned(done)} == {"done"} and stages(done) == set()
    finally:
        folder.unlink()
        shutil.move(tmp_path / folder.name, folder)


def test_options_that_stand_twice_count_both(done):
    """Snakemake itself takes the last one and says nothing."""
    (done.folder / "steps.yaml").write_text("models: {tiny: {steps: 21}}\n")
    twice = ("--configfile", "r.yaml", "--configfile", "steps.yaml")
    expected = done.scheduled("--configfile", "r.yaml", "steps.yaml")
    assert ("pretrain", "tiny") in {(stage, job.rpartition("-")[0]) for stage, job in expected}
    assert done.scheduled(*twice) == expected
    ids = {line["id"] for line in json.loads(done.snakelm("plan", *twice, "--json"))}
    assert ids >= {job.rpartition("-")[2] for stage, job in expected if stage == "pretrain"}
    settings = ("--config", "models={tiny: {steps: 21}}", "--config", "report={title: x}")
    assert {stage for stage, _ in done.scheduled("--configfile", "r.yaml", *settings)} >= {"pretrain", "report"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--config", "only=1"), "only=1: no stage 1; write <stage>:<name>"),
        (("--config", "only=[pretrain]"), "no stage ['pretrain']"),
        (("results/pretrain/tiny-0123456789ab/manifest.json",), "the recipe asks for no such run"),
        (("results/finetune/cells/tiny-0123456789ab.json",), "the recipe asks for no such run"),
    ],
)
def test_what_cannot_be_asked_for_is_said(done, arguments, said):
    assert said in done.snakemake("-n", *arguments, "--configfile", "r.yaml", code=1)


@pytest.mark.parametrize("given", ["steps", "=3", "a b=1"])
def test_a_slip_after_config_is_one_line(done, given):
    printed = done.snakelm("plan", "--configfile", "r.yaml", "--config", given, code=1)
    assert printed.startswith(f"--config {given}: ") and len(printed.splitlines()) == 1


def test_the_plan_tells_changed_code_beside_changed_keys_and_what_is_kept(done):
    file = done.folder / "scripts" / "snakelm" / "pretrain" / "pretrain.py"
    defaults = done.folder / "scripts" / "snakelm" / "pretrain" / "config.py"
    texts = {path: path.read_text() for path in (file, defaults)}

    def pretrain(*arguments: str) -> dict:
        return next(line for line in planned(done, *arguments) if line["stage"] == "pretrain")

    try:
        file.write_text(texts[file] + "\n\nADDED = 1\n")
        assert pretrain()["why"] == ["code changed"]
        assert pretrain("--config", "models={tiny: {steps: 21}}")["why"] == ["steps: 20 → 21", "code changed"]
        old = "decay: float = Field(\n        0.2,"
        assert texts[defaults].count(old) == 1
        defaults.write_text(texts[defaults].replace(old, old.replace("0.2", "0.3")))
        kept = pretrain("--config", "on_code_change=keep")
        assert kept["state"] == "kept from other code"
        assert kept["why"] == ["made by other code, kept", "decay: 0.2 → 0.3"]
    finally:
        for path, text in texts.items():
            path.write_text(text)


def test_a_renamed_entry_is_held_against_what_it_was(done):
    renamed = recipe()
    renamed["models"] = {"small": renamed["models"]["tiny"]}
    renamed["experiments"][0]["model"] = "small"
    write(done, renamed)
    done.snakemake("--configfile", "r.yaml")
    renamed["models"]["small"]["steps"] = 21
    write(done, renamed)
    pretrain = next(line for line in planned(done) if line["stage"] == "pretrain")
    assert pretrain["name"] == "small" and pretrain["why"] == ["steps: 20 → 21"] and pretrain["last_seconds"] > 0
    write(done, recipe())


def test_the_plan_of_only_some_runs_is_what_snakemake_makes_of_them(done):
    other = recipe()
    other["models"]["tiny"]["learning_rate"] = 0.02
    write(done, other)
    for only in ("pretrain:tiny", "finetune:tiny.topic.pretrained.s1", "evaluate"):
        lines = planned(done, "--config", f"only={only}")
        assert {line["stage"] for line in lines if line["state"] != "done"} == stages(done, "--config", f"only={only}")
        assert "report" not in {line["stage"] for line in lines}
    done.snakelm("plan", "--configfile", "r.yaml", "--config", "only=pretrain:no", code=1)
    write(done, recipe())


def test_the_plan_says_why(done):
    other = recipe()
    other["models"]["tiny"]["learning_rate"] = 0.02
    write(done, other)
    lines = {
        (line["stage"], line["name"]): line
        for line in json.loads(done.snakelm("plan", "--configfile", "r.yaml", "--json"))
    }
    pretrain = lines["pretrain", "tiny"]
    assert pretrain["state"] == "to do" and pretrain["why"] == ["learning_rate: 0.01 → 0.02"]
    assert pretrain["last_seconds"] > 0
    assert lines["finetune", "tiny.topic.random.s1"]["state"] == "done"
    assert "pretrained changed" in lines["finetune", "tiny.topic.pretrained.s1"]["why"][0]
    table = done.snakelm("plan", "--configfile", "r.yaml")
    assert "learning_rate: 0.01 → 0.02" in table and "to do" in table
    write(done, recipe())


def test_snakemake_report_and_lint_work(done):
    done.snakemake("--lint", "--configfile", "r.yaml")
    done.snakemake("--configfile", "r.yaml", "--report", "own.html")
    assert (done.folder / "own.html").stat().st_size > 10_000
