"""GPUs are handed out one job each, and given back however the job ends. (No GPU is needed: only names are locked.)"""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from snakelm.core.errors import UserError
from snakelm.execution import devices
from snakelm.execution.devices import claimed


@pytest.fixture(autouse=True)
def no_scheduler(monkeypatch):
    for name in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(devices, "WAIT", 0.05)


def _hold(folder: Path, gpus: int, present: list[str], pipe) -> None:
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    devices.WAIT = 0.05
    with claimed(gpus, folder, present):
        pipe.send(os.environ["CUDA_VISIBLE_DEVICES"])
        signal.pause()


def _holder(folder: Path, gpus: int, present: list[str]):
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_hold, args=(folder, gpus, present, there))
    process.start()
    return process, here


def test_two_jobs_get_different_gpus_and_a_killed_one_gives_its_own_back(tmp_path):
    first, said = _holder(tmp_path, 1, ["0", "1"])
    assert said.recv() == "0"
    with claimed(1, tmp_path, ["0", "1"]):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
        waiting, answer = _holder(tmp_path, 1, ["0", "1"])
        assert not answer.poll(1.0), "no GPU is free: it waits"
        os.kill(first.pid, signal.SIGKILL)
        assert answer.recv() == "0"
    first.join()
    waiting.kill()
    waiting.join()
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    with claimed(2, tmp_path, ["0", "1"]) as count:
        assert count == 2 and os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"


def test_what_slurm_gave_is_respected(monkeypatch, tmp_path):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    with claimed(1, tmp_path, ["0", "1"]):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "3"
    with claimed(None, tmp_path) as count:
        assert count == 1
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "3,5"
    with pytest.raises(UserError, match="gpus: 3 asked for, but this job was given 2"), claimed(3, tmp_path):
        pass
    assert not list(tmp_path.iterdir()), "no lock of ours inside a cluster job"


def test_without_gpus_the_cpu_is_used_and_asking_for_one_is_refused(tmp_path):
    with claimed(None, tmp_path, []) as count:
        assert count == 0 and os.environ["CUDA_VISIBLE_DEVICES"] == ""
    with claimed(0, tmp_path, ["0"]) as count:
        assert count == 0
    with pytest.raises(UserError, match="this machine has 0; ask for fewer, or for 0 to use the CPU"):
        claimed(1, tmp_path, []).__enter__()
