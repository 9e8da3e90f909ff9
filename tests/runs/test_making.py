"""What surrounds a stage: publishing, locks, odd headline values, leftovers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy
import pytest
from filelock import FileLock

from snakelm.runs.manifest import describe
from snakelm.runs.records import Circumstance, Manifest, OrderedRun, Subject
from snakelm.runs.store import Store, content_digest, file_table, read_manifest
from tests.workspace import Workspace


def a_manifest(store: Store, headline: dict) -> Manifest:
    run = OrderedRun("n", "0" * 12, Path("x"), Subject(), "k", {}, {}, {}, {}, (), {})
    return describe(
        run, store, stage="evaluate", run_id="0" * 12, identity={}, parents={}, sources={}, code="c", files={},
        headline=headline, circumstance=Circumstance(),
    )  # fmt: skip


def test_a_headline_that_is_no_number_does_not_cost_the_run(tmp_path):
    store = Store(tmp_path / "results")
    odd = {"r": float("nan"), "n": numpy.float32(0.5), "c": numpy.int64(3), "deep": [{"x": float("-inf")}], 1: object}
    built = tmp_path / "built"
    built.mkdir()
    store.publish(built, store.folder("evaluate", "n", "0" * 12), a_manifest(store, odd))
    read = read_manifest(store.folder("evaluate", "n", "0" * 12))
    assert read.headline["r"] is None and read.headline["n"] == 0.5 and read.headline["c"] == 3
    assert read.headline["deep"] == [{"x": None}]


def test_what_stands_in_the_way_of_a_run_is_put_aside_not_deleted(tmp_path):
    store = Store(tmp_path / "results")
    final = store.folder("report", "n", "0" * 12)
    final.mkdir(parents=True)
    (final / "precious.txt").write_text("kept")
    built = tmp_path / "built"
    built.mkdir()
    (built / "a.txt").write_text("new")
    store.publish(built, final, a_manifest(store, {}))
    assert sorted(path.name for path in final.iterdir()) == [".manifest.json", "a.txt", "manifest.json"]
    assert [path.read_text() for path in (store.root / ".work" / "aside").rglob("precious.txt")] == ["kept"]


def test_an_alias_whose_run_is_gone_gives_way(tmp_path):
    store = Store(tmp_path / "results")
    final = store.folder("report", "n", "0" * 12)
    final.parent.mkdir(parents=True)
    final.symlink_to("nowhere")
    built = tmp_path / "built"
    built.mkdir()
    store.publish(built, final, a_manifest(store, {}))
    assert final.is_dir() and not final.is_symlink()


def test_what_differs_between_machines_is_no_content(tmp_path):
    (tmp_path / "circumstance").mkdir()
    (tmp_path / "a.txt").write_text("a")
    before = content_digest(file_table(tmp_path))
    (tmp_path / "circumstance" / "times.tsv").write_text("1")
    assert content_digest(file_table(tmp_path)) == before
    (tmp_path / "a.txt").write_text("b")
    assert content_digest(file_table(tmp_path)) != before


@pytest.fixture
def ordered(workspace: Workspace) -> Workspace:
    (workspace.folder / "text.txt").write_text("one\ntwo\n")
    (workspace.folder / "r.yaml").write_text("corpora: {c: {files: text.txt, split: none}}\n")
    workspace.run = workspace.order()
    return workspace


def test_a_run_that_another_process_makes_is_waited_for(ordered):
    target = str((ordered.run / "manifest.json").relative_to(ordered.folder))
    lock_file = ordered.folder / "results" / ".work" / "fetch_corpus" / f"{ordered.run.name.rpartition('-')[2]}.lock"
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock_file):
        job = subprocess.Popen(
            [sys.executable, "scripts/fetch_corpus.py", target], cwd=ordered.folder, stderr=subprocess.PIPE, text=True
        )
        assert any("waiting for it" in line for line in job.stderr)
        assert not (ordered.run / "manifest.json").exists()
    assert job.wait() == 0
    assert json.loads((ordered.run / "manifest.json").read_text())["name"] == "c"


def test_a_run_that_another_recipe_calls_otherwise_is_made_once(ordered):
    """Both were planned before either was made, as by two Snakemakes at once."""
    recipe = "corpora: {NAME: {files: text.txt, split: none}}\ntokenizers: {t: {corpus: NAME, vocab_size: 300}}\n"
    folders = {}
    for name in ("mine", "yours"):
        (ordered.folder / "r.yaml").write_text(recipe.replace("NAME", name))
        folders[name] = ordered.order()
    target = {name: str(folder.relative_to(ordered.folder) / "manifest.json") for name, folder in folders.items()}
    ordered.python("scripts/fetch_corpus.py", target["mine"])
    # The order of the tokenizer, which both have, was last written by the other recipe.
    (order,) = (ordered.folder / "results/.work/orders/train_tokenizer").glob("*.json")
    ordered.python("scripts/train_tokenizer.py", f"results/train_tokenizer/{order.stem}/manifest.json")
    ordered.python("scripts/fetch_corpus.py", target["yours"])
    assert folders["yours"].resolve() == folders["mine"] and not folders["mine"].is_symlink()
    assert json.loads((ordered.folder / target["yours"]).read_text())["name"] == "mine"


def test_a_complete_run_is_not_made_over(ordered):
    target = str((ordered.run / "manifest.json").relative_to(ordered.folder))
    ordered.python("scripts/fetch_corpus.py", target)
    before = os.stat(ordered.folder / target).st_mtime_ns
    time.sleep(0.01)
    assert "complete already" in ordered.python("scripts/fetch_corpus.py", target)
    assert os.stat(ordered.folder / target).st_mtime_ns == before


def test_a_manifest_that_snakemake_took_is_put_back_and_the_run_is_not_lost(ordered):
    """Snakemake deletes the declared file of a failed job, also if it failed after the run was published."""
    target = ordered.run / "manifest.json"
    relative = str(target.relative_to(ordered.folder))
    ordered.python("scripts/fetch_corpus.py", relative)
    before = target.read_bytes()
    target.unlink()
    assert ordered.order() == ordered.run and target.read_bytes() == before  # planning puts it back
    target.unlink()
    assert "complete already" in ordered.python("scripts/fetch_corpus.py", relative)  # and so does the job
    assert target.read_bytes() == before


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("__import__('tokenizers').pre_tokenizers.FixedLength(length=0).pre_tokenize_str('a')", "PanicException"),
    ],
)
def test_a_crash_shows_the_end_of_its_log_and_how_to_run_it_by_hand(ordered, fault, name):
    stage = ordered.folder / "scripts" / "snakelm" / "fetch_corpus" / "fetch.py"
    stage.write_text(f"{stage.read_text()}\n\ndef fetch_corpus(context):\n    {fault}\n")
    target = str((ordered.order() / "manifest.json").relative_to(ordered.folder))  # the code changed: ordered anew
    printed = ordered.python("scripts/fetch_corpus.py", target, "--log", "job.log", code=1)
    assert name in printed and "by hand: python " in printed and f"fetch_corpus.py {target}" in printed
    assert "Traceback" in (ordered.folder / "job.log").read_text()
    assert not list((ordered.folder / "results").glob("fetch_corpus/*"))


def test_a_damaged_parent_is_named_before_anything_is_made_of_it(ordered):
    (ordered.folder / "r.yaml").write_text(
        "corpora: {c: {files: text.txt, split: none}}\ntokenizers: {t: {corpus: c, vocab_size: 300}}\n"
    )
    corpus = ordered.order()
    ordered.python("scripts/fetch_corpus.py", str(corpus.relative_to(ordered.folder) / "manifest.json"))
    (order,) = (ordered.folder / "results/.work/orders/train_tokenizer").glob("*.json")
    target = f"results/train_tokenizer/{order.stem}/manifest.json"
    text = corpus / "train.parquet"
    whole = text.read_bytes()
    text.write_bytes(whole[:40] + bytes(8) + whole[48:])
    printed = ordered.python("scripts/train_tokenizer.py", target, code=1)
    assert f"{text.relative_to(ordered.folder)}: is damaged" in printed and "Traceback" not in printed
    text.unlink()
    assert "train.parquet: cannot be read (No such file" in ordered.python("scripts/train_tokenizer.py", target, code=1)
    text.write_bytes(whole)
    ordered.python("scripts/train_tokenizer.py", target)


def test_an_unreadable_manifest_is_restored_from_its_copy_and_else_its_run_is_made_again(ordered):
    target = ordered.run / "manifest.json"
    relative = str(target.relative_to(ordered.folder))
    ordered.python("scripts/fetch_corpus.py", relative)
    before = target.read_bytes()
    target.write_bytes(bytes(100))
    assert ordered.order() == ordered.run and target.read_bytes() == before
    target.write_bytes(before[:50])
    (ordered.run / ".manifest.json").write_bytes(b"[]")
    printed = ordered.snakelm("plan", "--configfile", "r.yaml")
    assert "its manifest and the copy of it cannot be read" in printed
    assert ordered.scheduled("--configfile", "r.yaml", "--config", "only=fetch_corpus:c")
    ordered.snakemake("--configfile", "r.yaml", "--config", "only=fetch_corpus:c")
    assert json.loads(target.read_text())["files"] == json.loads(before)["files"]


@pytest.mark.parametrize("moved", ["results/fetch_corpus", "results/.work"])
def test_folders_on_different_file_systems_publish_all_the_same(ordered, moved):
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or memory.stat().st_dev == ordered.folder.stat().st_dev:
        pytest.skip("needs a second file system")
    folder = ordered.folder / moved
    with tempfile.TemporaryDirectory(dir=memory) as other:
        if folder.exists():
            shutil.copytree(folder, other, dirs_exist_ok=True)
            shutil.rmtree(folder)
        folder.symlink_to(other)
        ordered.python("scripts/fetch_corpus.py", str(ordered.run.relative_to(ordered.folder) / "manifest.json"))
        assert (ordered.run / "train.parquet").exists()
        assert not list((ordered.run.parent / ".staging").iterdir())  # it was used, and nothing is left in it


COUNT_CACHES = """
import sys
sys.path.insert(0, sys.argv.pop())
from snakelm.runs import digests, making
read, plain = [], digests.JsonCache.__init__
digests.JsonCache.__init__ = lambda self, path: (read.append(path.name), plain(self, path))[1]
making.Maker.make = lambda self: print(self.run.name)
making.run_job("finetune")
print(sorted(read))
"""


def test_a_job_of_many_runs_reads_its_caches_once(workspace):
    """Seeds of a cell have the same sources, code and parents."""
    (workspace.folder / "text.txt").write_text("one\ntwo\nthree\nfour\n")
    (workspace.folder / "rows.csv").write_text("text,label\n" + "".join(f"row {n},{n % 2}\n" for n in range(20)))
    (workspace.folder / "r.yaml").write_text(
        "corpora: {c: {files: text.txt, split: none}}\n"
        "tokenizers: {t: {corpus: c, vocab_size: 300}}\n"
        "models: {m: {corpus: c, tokenizer: t, steps: 1}}\n"
        "tasks: {k: {type: text_classification, data: {files: rows.csv}}}\n"
        "experiments: [{model: m, tasks: k, seeds: [1, 2, 3], init: [random]}]\n"
    )
    workspace.order()
    (copy,) = (workspace.folder / "results/.work/code").iterdir()
    (order,) = (workspace.folder / "results/.work/orders/finetune").glob("*.json")
    printed = workspace.python("-c", COUNT_CACHES, f"results/finetune/cells/{order.stem}.json", str(copy))
    assert printed.split("\n", 3)[:3] == ["m.k.random.s1", "m.k.random.s2", "m.k.random.s3"]
    assert "['code.json', 'files.json', 'parents.json']" in printed
