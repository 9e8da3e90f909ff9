"""A run that is killed or stopped and goes on ends as if nothing had happened, bit for bit."""

from __future__ import annotations

import functools
import re
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pandas
import pytest
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from snakelm.core.console import Progress
from snakelm.pretrain.pretrain import pretrain
from tests.pretrain import lab

# dropout draws random numbers; 8 sequences in micro-batches of at most 3 accumulate gradients; checkpoints are rare
KEYS = {
    "steps": 24,
    "dropout": 0.1,
    "micro_batch_size": 3,
    "checkpoint_steps": 5,
    "evaluation_steps": 4,
    "schedule": "cosine",
}


@pytest.fixture(scope="module")
def undisturbed(parents: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    attempt = lab.job(tmp_path_factory.mktemp("undisturbed"), parents, **KEYS)
    code, _ = lab.run_in_process(attempt)
    assert code == 0
    assert lab.headline(attempt)["epochs"] > 1.5, "the run must cross an epoch boundary"
    assert AutoModelForCausalLM.from_pretrained(attempt.out).config.n_embd == 32
    return lab.content(attempt.out)


@pytest.mark.parametrize("kills", [[(13, 1)], [(2, 0)], [(7, 2), (7, 1), (19, 2), (23, 0)]], ids=str)
def test_killed_anywhere_and_resumed_is_the_same_bit_for_bit(kills, parents, undisturbed, tmp_path):
    for at in kills:
        code, _ = lab.run_in_process(lab.job(tmp_path, parents, **KEYS), at, lab.KILL)
        assert code == -lab.KILL
    attempt = lab.job(tmp_path, parents, **KEYS)
    code, said = lab.run_in_process(attempt)
    assert code == 0
    assert ("resuming from step" in said) == (kills[-1][0] >= 5)
    assert lab.content(attempt.out) == undisturbed


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_saves_the_last_whole_step_and_exits_non_zero(signum, parents, undisturbed, tmp_path):
    code, said = lab.run_in_process(lab.job(tmp_path, parents, **KEYS), (8, 1), signum)
    assert code == 128 + signum
    assert f"{signum.name}: saved at step 8" in said
    assert (tmp_path / "work/checkpoints/checkpoint-8").is_dir()
    attempt = lab.job(tmp_path, parents, **KEYS)
    assert lab.run_in_process(attempt)[0] == 0
    assert lab.content(attempt.out) == undisturbed


@pytest.mark.parametrize("signum", [signal.SIGTERM, lab.KILL])
def test_stopped_while_it_evaluates_it_evaluates_again(signum, parents, undisturbed, tmp_path):
    code, said = lab.run_in_process(lab.job(tmp_path, parents, **KEYS), (8, lab.IN_EVALUATION), signum)
    assert code == (143 if signum == signal.SIGTERM else -lab.KILL)
    assert ("saved at step 8" in said) == (signum == signal.SIGTERM)
    attempt = lab.job(tmp_path, parents, **KEYS)
    assert lab.run_in_process(attempt)[0] == 0
    assert lab.content(attempt.out) == undisturbed


MOMENTS = {
    "a checkpoint half written": ("training.checkpoints:_sha256", 2),
    "a checkpoint not yet in place": ("training.checkpoints:_sync", 9),
    "older checkpoints not yet pruned": ("training.checkpoints:prune", 2),
    "trained, but nothing written": ("pretrain.results:write_results", 1),
    "the model written, its samples not": ("pretrain.results:write_samples", 1),
    "all written": ("execution.cost:cost", 1),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_while_it_saves_and_resumed_is_the_same_bit_for_bit(moment, parents, undisturbed, tmp_path):
    assert lab.run_in_process(lab.job(tmp_path, parents, **KEYS), MOMENTS[moment], lab.KILL)[0] == -lab.KILL
    attempt = lab.job(tmp_path, parents, **KEYS)
    assert lab.run_in_process(attempt)[0] == 0
    assert lab.content(attempt.out) == undisturbed
    speed = pandas.read_csv(attempt.out / "circumstance/speed.tsv", sep="\t")
    curve = pandas.read_csv(attempt.out / "curve.tsv", sep="\t")
    assert speed.step.tolist() == curve.step[curve.loss.notna()].tolist(), "each step once"


STOPS_EARLY = {"steps": 60, "learning_rate": 0.1, "schedule": "constant", "evaluation_steps": 3, "patience": 2}


@pytest.fixture(scope="module")
def stopped_early(parents, tmp_path_factory) -> tuple[int, dict[str, bytes]]:
    attempt = lab.job(tmp_path_factory.mktemp("early"), parents, **STOPS_EARLY)
    assert lab.run_in_process(attempt)[0] == 0
    return lab.headline(attempt)["steps"], lab.content(attempt.out)


@pytest.mark.parametrize("signum", [signal.SIGTERM, lab.KILL])
@pytest.mark.parametrize("moment", ["deciding", "writing"])
def test_a_run_that_has_stopped_early_does_not_go_on_when_it_is_resumed(
    moment, signum, parents, stopped_early, tmp_path
):
    steps, expected = stopped_early
    assert steps < 60
    keys = STOPS_EARLY | {"checkpoint_steps": 2}
    at = (steps, lab.IN_EVALUATION) if moment == "deciding" else ("pretrain.results:write_results", 1)
    assert lab.run_in_process(lab.job(tmp_path, parents, **keys), at, signum)[0] != 0
    attempt = lab.job(tmp_path, parents, **keys)
    code, said = lab.run_in_process(attempt)
    assert code == 0, said
    assert lab.headline(attempt)["steps"] == steps
    assert lab.content(attempt.out) == expected


def test_a_budget_in_minutes_goes_on_where_it_was_and_is_not_overdrawn(parents, tmp_path):
    keys = {"minutes": 0.05, "checkpoint_steps": 3}
    assert lab.run_in_process(lab.job(tmp_path, parents, **keys), (40, 0), lab.KILL)[0] == -lab.KILL
    at = ("pretrain.results:write_results", 1)
    assert lab.run_in_process(lab.job(tmp_path, parents, **keys), at, lab.KILL)[0] == -lab.KILL
    last = max(int(path.name.split("-")[1]) for path in (tmp_path / "work/checkpoints").iterdir())
    assert last > 40
    attempt = lab.job(tmp_path, parents, **keys)
    code, said = lab.run_in_process(attempt)
    assert code == 0 and f"resuming from step {last:,} of 0.05 minutes" in said
    assert lab.headline(attempt)["steps"] == last


def test_the_best_weights_that_a_checkpoint_knows_outlive_a_better_evaluation_after_it(parents, tmp_path):
    keys = {**KEYS, "checkpoint_steps": 6, "evaluation_steps": 4, "keep": "best"}
    assert lab.run_in_process(lab.job(tmp_path, parents, **keys), (10, 0), lab.KILL)[0] == -lab.KILL
    best = sorted(path.name for path in (tmp_path / "work/best").iterdir())
    assert best == ["4", "8"], "step 8 was better than 4, but training goes on from step 6"
    attempt = lab.job(tmp_path, parents, **keys)
    assert lab.run_in_process(attempt)[0] == 0
    best_step = lab.headline(attempt)["best_step"]
    assert str(best_step) in [path.name for path in (tmp_path / "work/best").iterdir()]
    assert len(list((tmp_path / "work/best").iterdir())) <= 3


@pytest.mark.parametrize("harm", ["flip", "truncate", "no_checksums", "empty_checksums", "optimizer", "half_written"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(harm, parents, undisturbed, tmp_path):
    assert lab.run_in_process(lab.job(tmp_path, parents, **KEYS), (17, 0), lab.KILL)[0] == -lab.KILL
    newest = tmp_path / "work/checkpoints/checkpoint-15"
    weights = newest / "model.safetensors"
    if harm == "flip":
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)
    elif harm == "truncate":
        weights.write_bytes(weights.read_bytes()[:100])
    elif harm == "no_checksums":
        (newest / "checksums.json").unlink()
    elif harm == "empty_checksums":
        (newest / "checksums.json").write_text("{}")
    elif harm == "optimizer":
        (newest / "optimizer.pt").unlink()
    else:
        shutil.move(newest, newest.with_name(".checkpoint-15.part"))
    attempt = lab.job(tmp_path, parents, **KEYS)
    code, said = lab.run_in_process(attempt)
    assert code == 0
    assert "resuming from step 10 of 24" in said
    assert ("checkpoint-15 is skipped" in said) == (harm != "half_written")
    assert lab.content(attempt.out) == undisturbed


def test_without_a_whole_checkpoint_it_begins_anew_and_says_so(parents, undisturbed, tmp_path):
    assert lab.run_in_process(lab.job(tmp_path, parents, **KEYS), (11, 0), lab.KILL)[0] == -lab.KILL
    for folder in (tmp_path / "work/checkpoints").iterdir():
        (folder / "model.safetensors").write_bytes(b"")
    attempt = lab.job(tmp_path, parents, **KEYS)
    code, said = lab.run_in_process(attempt)
    assert code == 0
    assert "checkpoint-10 is skipped: model.safetensors is damaged; trying the one before" in said
    assert "checkpoint-5 is skipped: model.safetensors is damaged; no other is left; starting over" in said
    assert lab.content(attempt.out) == undisturbed


def test_progress_after_a_resume_counts_what_this_process_did(parents, tmp_path, monkeypatch, caplog):
    assert lab.run_in_process(lab.job(tmp_path, parents, **KEYS), (13, 0), lab.KILL)[0] == -lab.KILL
    monkeypatch.setattr("snakelm.training.trainer.Progress", functools.partial(Progress, every=0.0))
    with caplog.at_level("INFO", "snakelm"):
        pretrain(lab.job(tmp_path, parents, **KEYS))
    lines = [line for line in caplog.messages if line.startswith("training")]
    assert lines[0].startswith("training from step 10: 1 of 14 steps, 7 %, ")
    to_go, rate = re.search(r"(\d+) s to go, ([\d.]+)/s", lines[6]).groups()
    assert abs(float(to_go) - 7 / float(rate)) <= 0.6


def test_checkpoints_are_pruned(parents, tmp_path):
    attempt = lab.job(tmp_path, parents, **{**KEYS, "checkpoint_steps": 1, "keep_checkpoints": 3})
    assert lab.run_in_process(attempt)[0] == 0
    names = {path.name for path in (tmp_path / "work/checkpoints").iterdir()}
    assert names == {"checkpoint-22", "checkpoint-23", "checkpoint-24"}


def test_threads_change_nothing_but_the_last_digits(parents, tmp_path):
    """And the same number of them changes nothing at all: README.md, What is equal."""
    weights = []
    for number, threads in enumerate((1, 1, 2)):
        attempt = replace(lab.job(tmp_path / str(number), parents, steps=12, dropout=0.1), threads=threads)
        assert lab.run_in_process(attempt)[0] == 0
        weights.append(load_file(attempt.out / "model.safetensors"))
    one, again, two = weights
    assert all(one[name].equal(again[name]) for name in one)
    assert all(one[name].allclose(two[name], rtol=0, atol=1e-4) for name in one)
