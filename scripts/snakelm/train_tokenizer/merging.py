"""Progress of the library's BPE and WordPiece trainers while they merge, which may take many minutes on large texts."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from snakelm.core import console
from snakelm.core.console import Progress

REPORT = re.compile(rb'\{"stage":"([^"]*)","current":(\d+),"total":\d+\}')
"""A line of the library's progress."""
STAGE = b"Compute merges"


@contextmanager
def shown(trainer: Any) -> Iterator[Any]:
    """A trainer (BPE or WordPiece; others as they are) whose merges are shown while the context lasts.

    The library reports by JSON lines on the process' standard error, so that goes through a pipe meanwhile; whatever
    else is written there passes through. Bars and log lines bypass the pipe: its reader, which makes them, would wait
    for itself where the pipe is full. Nothing is shown where there is no standard error. Cost: some 10 µs a merge.
    """
    state = json.loads(trainer.__getstate__())
    settings = next(iter(state.values()))
    settings = settings.get("bpe_trainer", settings)
    if "progress_format" not in settings or not _stderr_works():
        yield trainer
        return
    merges = settings["vocab_size"] - len(settings["initial_alphabet"]) - len(settings["special_tokens"])
    settings |= {"show_progress": True, "progress_format": "JsonLines"}
    watched = type(trainer)()
    watched.__setstate__(json.dumps(state).encode())
    real, before = os.dup(2), sys.stderr
    out, into = os.pipe()
    os.dup2(into, 2)
    os.close(into)
    unbuffered = os.fdopen(os.dup(real), "wb", buffering=0)  # nothing is left to be flushed where a disk is full
    past = io.TextIOWrapper(unbuffered, before.encoding, before.errors, write_through=True)
    logs = [log for log in console.log.handlers if isinstance(log, logging.StreamHandler) and log.stream is before]
    _write_to(past, logs)
    reader = threading.Thread(target=_read, args=(os.fdopen(out, "rb", buffering=0), real, merges), daemon=True)
    reader.start()
    try:
        yield watched
    finally:
        before.flush()
        os.dup2(real, 2)  # closes the pipe's last end, which ends the reader
        reader.join()
        os.close(real)
        _write_to(before, logs)
        past.close()


def _stderr_works() -> bool:
    try:
        sys.stderr.flush()
        os.fstat(2)
    except (AttributeError, OSError, ValueError):  # None, closed, full
        return False
    return True


def _write_to(stream: Any, logs: list[logging.StreamHandler[Any]]) -> None:
    sys.stderr = stream
    for log in logs:
        log.setStream(stream)


def _read(pipe: BinaryIO, real: int, merges: int) -> None:
    """Show the merges, pass on the rest; reads to the end come what may, for the library writes on."""
    bar: Progress | None = None
    rest = b""
    while block := pipe.read(65536):
        *lines, rest = (rest + block).split(b"\n")
        done = None
        for line in lines:
            if report := REPORT.match(line):
                done = int(report[2]) if report[1] == STAGE else done
                line = line[report.end() :]
                if not line:
                    continue
            _pass_on(real, line + b"\n")
        if done is not None:
            if bar is None:
                bar = Progress("merging", merges, "merges").__enter__()
            with suppress(OSError):
                bar.advance(done - bar.done)
    _pass_on(real, rest)
    if bar is not None:
        with suppress(OSError):
            bar.__exit__(None, None, None)
    pipe.close()


def _pass_on(real: int, data: bytes) -> None:
    with suppress(OSError):  # a full disk, or nobody who reads
        while data:
            data = data[os.write(real, data) :]
