"""Which GPUs a job may use: those that SLURM gave it, else free ones of this machine, one job each.

Snakemake counts local GPUs but does not say which; two jobs would meet on the first. A lock file per GPU decides,
held for as long as the process lives: the operating system gives it back however the process ends.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from snakelm.core.console import log
from snakelm.core.errors import UserError

WAIT = 5.0
"""Seconds between looks for a free GPU."""


@contextmanager
def claimed(gpus: int | None, folder: Path | None = None, present: list[str] | None = None) -> Iterator[int]:
    """Set CUDA_VISIBLE_DEVICES to as many GPUs as asked for, and yield their number. Call before torch sees CUDA.

    Args:
        gpus: how many; 0: none, the CPU; None: one if the machine or the SLURM job has any, else the CPU.
        folder: where the locks are; by default one per user in the temporary folder.
        present: the GPUs of the machine; by default what nvidia-smi lists.

    Raises:
        UserError: fewer GPUs are there than asked for. If they are there but in use, it waits, saying so.
    """
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    by_scheduler = "SLURM_JOB_ID" in os.environ or given is not None
    if by_scheduler:
        present = [gpu for gpu in (given or "").split(",") if gpu]
    elif present is None:
        present = _gpus() if gpus != 0 else []
    wanted = min(1, len(present)) if gpus is None else gpus
    if wanted > len(present):
        where = "this job was given" if by_scheduler else "this machine has"
        raise UserError(f"gpus: {wanted} asked for, but {where} {len(present)}; ask for fewer, or for 0 to use the CPU")
    with ExitStack() as locks:
        chosen = present[:wanted] if by_scheduler else _lock(wanted, present, folder or _lock_folder(), locks)
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(chosen)
        try:
            yield wanted
        finally:
            if given is None:
                os.environ.pop("CUDA_VISIBLE_DEVICES", None)
            else:
                os.environ["CUDA_VISIBLE_DEVICES"] = given


def _lock(wanted: int, present: list[str], folder: Path, locks: ExitStack) -> list[str]:
    """Lock `wanted` GPUs all at once or none, so that two jobs never wait for each other's half."""
    folder.mkdir(parents=True, exist_ok=True)
    said = False
    while True:
        with ExitStack() as attempt:
            chosen: list[str] = []
            for gpu in present:
                if len(chosen) == wanted:
                    break
                lock = FileLock(folder / f"gpu-{gpu}.lock")
                try:
                    attempt.enter_context(lock.acquire(timeout=0))
                    chosen.append(gpu)
                except Timeout:
                    continue
            if len(chosen) == wanted:
                locks.push(attempt.pop_all())
                return chosen
        if not said:
            log.warning(f"no free GPU: other jobs use {len(present) - len(chosen)} of {len(present)}; waiting")
            said = True
        time.sleep(WAIT)


def _lock_folder() -> Path:
    return Path(tempfile.gettempdir()) / f"snakelm-gpus-{os.getuid()}"


def _gpus() -> list[str]:
    command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.split()
    except (OSError, subprocess.SubprocessError):
        return []
