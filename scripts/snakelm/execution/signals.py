"""Why training stops: SIGTERM (a scheduler, a preemption), SIGUSR1 (time is nearly up), SIGINT (Ctrl-C), memory."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

CAUGHT = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class Interrupted(Exception):
    """Training stops at the last finished step because a signal asked for it."""


class OutOfMemory(Exception):
    """One of several processes has run out of memory with so many sequences (`args[0]`) per forward pass."""


class StopRequest:
    """Remembers the first signal; training looks at `signum` between micro-batches."""

    def __init__(self) -> None:
        self.signum: int | None = None

    def __call__(self, signum: int, frame: object) -> None:
        if self.signum is not None and signum == signal.SIGINT:
            raise KeyboardInterrupt  # a second Ctrl-C does not wait
        self.signum = signum

    @contextmanager
    def installed(self) -> Iterator[StopRequest]:
        """Catch the signals inside, and put back the handlers that were there before."""
        before = {signum: signal.signal(signum, self) for signum in CAUGHT}
        try:
            yield self
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)
