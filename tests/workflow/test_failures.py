"""What `snakelm run` says and makes when a job fails, or when Snakemake cannot start."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from snakelm.planning.samples import ROWS
from snakelm.runs.store import Store
from tests.workspace import Workspace

RECIPE = """
corpora: {c: {files: text.txt, split: none}}
tokenizers: {t: {corpus: c, kind: word_level, vocab_size: 50}}
models:
  m: {corpus: c, tokenizer: t, architecture: gpt2, objective: clm, hidden_size: 16, layers: 1, heads: 1,
      sequence_length: 16, steps: 1}
tasks:
  good: {type: text_classification, data: {files: good.csv}}
  bad: {type: text_classification, data: {files: bad.csv}}
experiments: [{model: m, tasks: [good, bad], seeds: [1], init: [], baselines: [majority, tfidf]}]
"""


@pytest.fixture
def here(workspace: Workspace) -> Workspace:
    (workspace.folder / "text.txt").write_text("one two three\n" * 50)
    good = "text,label\n" + "one two,a\nthree,b\n" * 20
    (workspace.folder / "good.csv").write_text(good)
    # One wrong row behind all that is looked at when the recipe is planned.
    (workspace.folder / "bad.csv").write_text(good + "one two,a\nthree,b\n" * (ROWS // 2) + "one,two,three\n")
    (workspace.folder / "r.yaml").write_text(RECIPE)
    return workspace


def run(workspace: Workspace, *arguments: str, code: int) -> str:
    return workspace.snakelm("run", "--cores", "2", "--configfile", "r.yaml", *arguments, code=code)


def reports(workspace: Workspace) -> set[str]:
    return {path.name[:-13] for path in (workspace.folder / "results" / "report").iterdir()}


def test_one_bad_task_does_not_stop_the_rest(here: Workspace) -> None:
    printed = run(here, code=1)
    assert printed.count(f"error: bad.csv line {ROWS + 42}") == 1 and "Traceback" not in printed
    assert printed.count("error: the same as finetune m.bad.") == 1
    end = printed[printed.index("failed      2 jobs") :]
    assert "finetune m.bad.majority, finetune m.bad.tfidf:" in end and f"bad.csv line {ROWS + 42}: 3 columns" in end
    assert "2 jobs that need them were not made" in end
    assert reports(here) == {"r.partial"} and "report      results/report.html" in printed
    page = (here.folder / "results" / "report.html").read_text()
    assert "good" in page
    whole = {line["id"] for line in planned(here) if line["stage"] == "report"}

    shutil.copy(here.folder / "good.csv", here.folder / "bad.csv")
    mended = {line["id"] for line in planned(here) if line["stage"] == "report"}
    printed = run(here, code=0)
    assert reports(here) == {"r.partial", "r"} and "failed" not in printed
    (manifest,) = (here.folder / "results" / "report").glob("r-*/manifest.json")
    assert {json.loads(manifest.read_text())["id"]} == mended != whole
    assert "partial" not in str((here.folder / "results" / "report.html").resolve())


def planned(workspace: Workspace) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(workspace.snakelm("plan", "--configfile", "r.yaml", "--json"))
    return found


def test_a_recipe_that_is_not_there_is_one_line(here: Workspace) -> None:
    printed = here.snakelm("run", "--cores", "1", "--configfile", "nope.yaml", code=1)
    assert printed == "nope.yaml: no such recipe; name one with --configfile\n"


def test_a_lock_is_one_line_with_the_command(here: Workspace) -> None:
    (here.folder / "r.yaml").write_text("corpora: {c: {files: text.txt, split: none}}")
    run(here, code=0)
    (here.folder / "text.txt").write_text("other\n")
    (line,) = [line for line in planned(here) if line["stage"] == "report"]
    locks = here.folder / ".snakemake" / "locks"
    locks.mkdir(exist_ok=True)
    (locks / "0.output.lock").write_text(f"{line['folder']}/manifest.json\n")
    printed = run(here, code=1)
    (said,) = [line for line in printed.splitlines() if line.startswith("error: ")]
    assert "another Snakemake works here, or one was killed" in said
    command = "snakelm run --configfile r.yaml --unlock"
    assert said.endswith(command)
    here.snakelm(*command.split()[1:])
    run(here, code=0)


def test_a_folder_that_cannot_be_written_is_one_line(here: Workspace) -> None:
    (here.folder / ".snakemake").write_text("")  # root may write everywhere, but not below a file
    printed = run(here, code=1)
    assert printed.count("\n") == 1 and ".snakemake: cannot be written" in printed


def test_a_full_disk_at_the_start_is_one_line(here: Workspace) -> None:
    disk = here.folder / ".snakemake"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("mount is not allowed here")
    try:
        (disk / "filler").write_text("x" * 4096)
        printed = run(here, code=1)
        assert printed.count("\n") == 1 and "No space left on device); free some space" in printed
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_what_others_wait_for_goes_first(here: Workspace) -> None:
    recipe = RECIPE.replace("tasks: [good, bad]", "tasks: good").replace("init: []", "init: [pretrained]")
    ones = ", ".join(f"{stage}: {{threads: 1}}" for stage in ("train_tokenizer", "encode_corpus", "pretrain"))
    (here.folder / "r.yaml").write_text(f"{recipe}resources: {{{ones}}}\n")
    printed = here.snakemake("-n", "--configfile", "r.yaml")
    assert "priority: 8" in printed  # fetch_corpus
    printed = here.snakelm("run", "--cores", "1", "--configfile", "r.yaml")
    assert printed.index("[pretrain m] done") < printed.index("[finetune m.good.majority] done")


def test_a_wide_job_is_not_kept_waiting_by_narrow_ones(here: Workspace) -> None:
    """encode_corpus and pretrain take both cores, each baseline takes one, and there is always one that is ready."""
    names = [f"good{n}" for n in range(8)]
    tasks = "".join(
        f"  {name}: {{type: text_classification, data: {{files: good.csv}}, max_train_rows: {n + 20}}}\n"
        for n, name in enumerate(names)
    )
    recipe = RECIPE[: RECIPE.index("  good:")] + tasks + RECIPE[RECIPE.index("experiments:") :]
    recipe = recipe.replace("[good, bad]", f"[{', '.join(names)}]").replace("init: []", "init: [pretrained]")
    (here.folder / "r.yaml").write_text(recipe.replace("[majority, tfidf]", "[majority]"))
    here.snakelm("run", "--cores", "2", "--configfile", "r.yaml")
    (pretrained,) = here.folder.glob("results/pretrain/m-*/manifest.json")
    baselines = list(here.folder.glob("results/finetune/m.good*.majority-*/manifest.json"))
    before = [one for one in baselines if one.stat().st_mtime < pretrained.stat().st_mtime]
    assert len(before) < len(baselines) / 2 == 4


def test_a_retry_that_succeeds_leaves_no_failure(here: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a retry does, on a cluster."""
    monkeypatch.chdir(here.folder)
    (here.folder / "r.yaml").write_text("corpora: {c: {files: text.txt, split: none}}")
    target = str((here.order() / "manifest.json").relative_to(here.folder))
    text = (here.folder / "text.txt").read_text()
    (here.folder / "text.txt").unlink()
    here.python("scripts/fetch_corpus.py", target, code=1)
    assert [failure.name for failure in Store().failures()] == ["c"]
    (here.folder / "text.txt").write_text(text)
    here.python("scripts/fetch_corpus.py", target)
    assert Store().failures() == []
