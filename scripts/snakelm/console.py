"""What a stage says while it works: log lines for files, a progress bar when a person watches."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

log = logging.getLogger("snakelm")
Item = TypeVar("Item")


def set_up(label: str, log_file: Path | None) -> None:
    """Send the stage's lines to stderr, and with time stamps to its log file (appended: a rerun keeps the past)."""
    log.setLevel(logging.INFO)
    log.propagate = False
    log.handlers.clear()
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(logging.Formatter(f"[{label}] %(message)s"))
    log.addHandler(stream)
    if log_file is not None:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(log_file, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)


class Progress:
    """Progress of one long piece of work: a bar on a terminal, else a log line each tenth of the way.

    Use as a context manager; `advance(n, loss="3.2")` counts n items and shows the given figures. Lines are
    at least `every` seconds apart (default 10), so short work prints nothing but its end.
    """

    def __init__(self, what: str, total: float | None = None, unit: str = "", every: float = 10.0):
        self.what, self.total, self.unit, self.every = what, total, unit, every
        self.done = 0.0
        self._figures: dict[str, Any] = {}
        self._bar: Any = None

    def __enter__(self) -> Progress:
        self._began = self._said = time.monotonic()
        if sys.stderr.isatty():
            self._open_bar()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.stop()
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

        columns = ["[bold]{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
        bar = Bar(*columns, TextColumn("{task.fields[figures]}"), console=Console(stderr=True), transient=True)
        self._task = bar.add_task(self.what, total=self.total, figures="")
        bar.start()
        self._bar = bar


def progress(items: Iterable[Item], what: str, total: int | None = None, unit: str = "") -> Iterator[Item]:
    """Yield the items, showing progress; `total` defaults to their length where they have one."""
    if total is None and hasattr(items, "__len__"):
        total = len(items)  # type: ignore[arg-type]
    with Progress(what, total, unit) as bar:
        for item in items:
            yield item
            bar.advance()
