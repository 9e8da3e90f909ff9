"""A run that is killed or stopped and goes on ends as if nothing had happened, bit for bit."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pretrain_lab as lab
import pytest
from transformers import AutoModelForCausalLM

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


@pytest.mark.parametrize("harm", ["flip", "truncate", "no_checksums", "half_written"])
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
    else:
        shutil.move(newest, newest.with_name(".checkpoint-15.part"))
    attempt = lab.job(tmp_path, parents, **KEYS)
    code, said = lab.run_in_process(attempt)
    assert code == 0
    assert "resuming from step 10 of 24" in said
    assert ("checkpoint-15 is passed over" in said) == (harm != "half_written")
    assert lab.content(attempt.out) == undisturbed


def test_checkpoints_are_pruned(parents, tmp_path):
    attempt = lab.job(tmp_path, parents, **{**KEYS, "checkpoint_steps": 1, "keep_checkpoints": 3})
    assert lab.run_in_process(attempt)[0] == 0
    names = {path.name for path in (tmp_path / "work/checkpoints").iterdir()}
    assert names == {"checkpoint-22", "checkpoint-23", "checkpoint-24"}
