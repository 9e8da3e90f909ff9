"""What a stage says while it works: log lines for files, a progress bar when a person watches."""

from __future__ import annotations

import fcntl
import logging
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

log = logging.getLogger("snakelm")
_CLEAR = "\r\x1b[2K"
"""Takes away what a bar has drawn on the line."""


def set_up(label: str, log_file: Path | None) -> None:
    """Send the stage's lines to stderr, and with time stamps to its log file (appended: a rerun keeps the past)."""
    log.setLevel(logging.INFO)
    log.propagate = False
    log.handlers.clear()
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(logging.Formatter(f"{_CLEAR if sys.stderr.isatty() else ''}[{label}] %(message)s"))
    stream.set_name(label)
    log.addHandler(stream)
    if log_file is not None:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(log_file, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)


class Progress:
    """Progress of one long piece of work: a bar on a terminal, else a log line now and then.

    Use as a context manager; `advance(n, loss="3.2")` counts n items and shows the given figures. Lines are
    at least `every` seconds apart (default 10), so short work prints nothing but its end. Of several jobs on one
    terminal one draws a bar, the others write lines.
    """

    def __init__(self, what: str, total: float | None = None, unit: str = "", every: float = 10.0):
        self.what, self.total, self.unit, self.every = what, total, unit, every
        self.done = 0.0
        self._figures: dict[str, Any] = {}
        self._bar: Any = None
        self._terminal = ExitStack()

    def __enter__(self) -> Progress:
        self._began = self._said = time.monotonic()
        if _take_terminal(self._terminal):
            self._open_bar()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        self._terminal.close()
        if exc[0] is None and time.monotonic() - self._began >= self.every:
            log.info(self._line())

    def advance(self, count: float = 1, **figures: Any) -> None:
        self.done += count
        self._figures.update(figures)
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done, figures=self._figures_text())
        elif (now := time.monotonic()) - self._said >= self.every:
            self._said = now
            log.info(self._line())

    def _line(self) -> str:
        seconds = max(time.monotonic() - self._began, 1e-9)
        rate = self.done / seconds
        parts = [f"{self.what}: {self.done:,.0f}"]
        if self.total:
            parts[0] += f" of {self.total:,.0f}"
        parts[0] += f" {self.unit}".rstrip()
        if self.total and self.done:
            parts.append(f"{100 * self.done / self.total:.0f} %")
            if self.done < self.total:
                parts.append(f"{(self.total - self.done) / rate:.0f} s to go")
        parts.append(f"{rate:,.1f}/s")
        return ", ".join(parts) + (f", {text}" if (text := self._figures_text()) else "")

    def _figures_text(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in self._figures.items())

    def _open_bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        bar = Bar(
            "[bold]{task.description}",
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            console=Console(stderr=True),
            transient=True,
        )
        label = next((handler.name for handler in log.handlers if handler.name), "")
        self._task = bar.add_task(f"{label} {self.what}".strip(), total=self.total, figures="")
        bar.start()
        self._bar = bar


def _take_terminal(held: ExitStack) -> bool:
    """Whether standard error is a terminal on which nobody draws a bar; it is ours until `held` is closed or we die."""
    try:
        terminal = os.open(os.ttyname(sys.stderr.fileno()), os.O_WRONLY | os.O_NOCTTY)
    except (OSError, ValueError):
        return False
    held.callback(os.close, terminal)
    try:
        fcntl.flock(terminal, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        return False
    return True
