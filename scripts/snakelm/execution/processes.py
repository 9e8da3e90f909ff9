"""Several training processes on one machine, one per GPU (or several on the CPU), as torchrun starts them.

torchrun itself is not used: it gives its workers 30 seconds after a signal, and a large checkpoint takes longer.
Signals are passed on to the workers, which save and exit; the launcher waits for them.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import snakelm
from snakelm.execution.signals import CAUGHT

GRACE = 30.0
"""Seconds that the other workers get to end after one has failed."""


def launch(module: str, arguments: list[str], processes: int, threads: int) -> int:
    """Run `python -m module arguments` in `processes` workers; returns the exit code of the first that failed, or 0.

    The workers find each other by the variables that torch.distributed and accelerate read (RANK, WORLD_SIZE, …).
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    library = str(Path(snakelm.__path__[0]).parent)  # workers run the same code, be it installed or a copy
    common = os.environ | {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "OMP_NUM_THREADS": str(threads),
        "PYTHONPATH": os.pathsep.join(filter(None, (library, os.environ.get("PYTHONPATH")))),
        "SNAKELM_PARENT": str(os.getpid()),
        "TORCH_CPP_LOG_LEVEL": "ERROR",
    }
    workers: list[subprocess.Popen[bytes]] = []

    def pass_on(signum: int, frame: object) -> None:
        for worker in workers:
            if worker.poll() is None:
                worker.send_signal(signum)

    before = {signum: signal.signal(signum, pass_on) for signum in CAUGHT}
    try:
        for rank in range(processes):
            own = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            workers.append(subprocess.Popen([sys.executable, "-m", module, *arguments], env=common | own))
        return _wait(workers)
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.kill()
        for signum, handler in before.items():
            signal.signal(signum, handler)


def end_with_parent() -> None:
    """In a worker: get SIGTERM when the launcher dies, however it dies (Linux), so that no worker is left behind."""
    import ctypes

    parent = os.environ.get("SNAKELM_PARENT")
    if parent and sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
        if os.getppid() != int(parent):
            raise SystemExit(128 + signal.SIGTERM)


def _wait(workers: list[subprocess.Popen[bytes]]) -> int:
    failed, since = 0, None
    while any(worker.poll() is None for worker in workers):
        codes = [worker.returncode for worker in workers if worker.returncode]
        if codes and since is None:
            failed, since = codes[0], time.monotonic()
        if since is not None and time.monotonic() - since > GRACE:
            for worker in workers:
                if worker.poll() is None:
                    worker.kill()
        time.sleep(0.1)
    return failed or next((worker.returncode for worker in workers if worker.returncode), 0)
