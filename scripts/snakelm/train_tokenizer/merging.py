"""Progress of the library's BPE and WordPiece trainers while they merge, which may take many minutes on large texts."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from snakelm.console import Progress

STAGE = "Compute merges"


@contextmanager
def shown(trainer: Any) -> Iterator[Any]:
    """A trainer (BPE or WordPiece; others as they are) whose merges are shown while the context lasts.

    The library reports by JSON lines on the process' standard error, so that is led through a pipe meanwhile; whatever
    else is written there passes through. Cost: some 10 µs a merge.
    """
    state = json.loads(trainer.__getstate__())
    settings = next(iter(state.values()))
    settings = settings.get("bpe_trainer", settings)
    if "progress_format" not in settings:
        yield trainer
        return
    merges = settings["vocab_size"] - len(settings["initial_alphabet"]) - len(settings["special_tokens"])
    settings |= {"show_progress": True, "progress_format": "JsonLines"}
    watched = type(trainer)()
    watched.__setstate__(json.dumps(state).encode())
    sys.stderr.flush()
    real, before = os.dup(2), sys.stderr
    out, into = os.pipe()
    os.dup2(into, 2)
    os.close(into)
    sys.stderr = os.fdopen(os.dup(real), "w", buffering=1)  # where a bar is drawn past the pipe
    reader = threading.Thread(target=_read, args=(os.fdopen(out, "rb", buffering=0), real, merges), daemon=True)
    reader.start()
    try:
        yield watched
    finally:
        before.flush()
        os.dup2(real, 2)  # closes the pipe's last end, which ends the reader
        reader.join()
        os.close(real)
        sys.stderr.close()
        sys.stderr = before


def _read(pipe: BinaryIO, real: int, merges: int) -> None:
    bar: Progress | None = None
    rest = b""
    while block := pipe.read(65536):
        *lines, rest = (rest + block).split(b"\n")
        last = None
        for line in lines:
            if line.startswith(b'{"stage":'):
                last = line if STAGE.encode() in line else last
            elif line:
                os.write(real, line + b"\n")
        if last is not None:
            seen = json.loads(last)
            if bar is None:
                bar = Progress("merging", merges, "merges").__enter__()
            bar.advance(seen["current"] - bar.done)
    if rest:
        os.write(real, rest)
    if bar is not None:
        bar.__exit__(None, None, None)
    pipe.close()
