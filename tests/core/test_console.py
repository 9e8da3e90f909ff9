"""Progress on a real terminal (a pty) and without one."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading

import pytest

from tests.workspace import ROOT

CODE = """
import sys, time
from snakelm.core import console
console.set_up(sys.argv[1], None)
with console.Progress("work", 3, "steps", every=0.0) as bar:
    print("begun", file=sys.__stdout__, flush=True)  # a bar takes sys.stdout
    sys.stdin.readline()
    bar.advance(3, loss="0.5")
console.log.info("done")
"""


def start(label: str, terminal: int) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    job = subprocess.Popen(
        [sys.executable, "-c", CODE, label], cwd=ROOT, stdin=pipe, stdout=pipe, stderr=terminal, text=True
    )
    assert job.stdout.readline() == "begun\n"
    return job


def read(master: int, found: bytearray) -> None:
    """What a screen does: take everything at once, or the writers wait."""
    while True:
        try:
            found += os.read(master, 65536)
        except OSError:  # the last writer is gone
            return


def test_of_two_jobs_on_a_terminal_one_draws_a_bar_and_the_other_writes_lines():
    master, terminal = pty.openpty()
    found = bytearray()
    screen = threading.Thread(target=read, args=(master, found))
    screen.start()
    jobs = [start("first", terminal), start("second", terminal)]
    for job in reversed(jobs):
        job.communicate("\n")
    third = start("third", terminal)  # the terminal is free again
    third.communicate("\n")
    os.close(terminal)
    screen.join()
    seen = found.decode()
    assert "first work" in seen and "third work" in seen and "second work" not in seen
    assert "[second] work: 3 of 3 steps" in seen
    assert "\x1b[2K[second] done" in seen, "a line takes the place of what a bar has drawn"


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_narrow_terminal_still_shows_states_and_names(columns, monkeypatch, capsys):
    from snakelm.planning.explanation import PlanLine
    from snakelm.planning.table import show
    from snakelm.runs.records import Subject

    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("FORCE_COLOR", "1")
    name = "a-model.topic.pretrained.s1"
    line = PlanLine("finetune", name, [], "0123456789ab", "x", Subject(), "to do", ["steps: 20 → 21"], 5.0)
    show([line])
    printed = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert "…" not in printed and "to do" in printed and "steps:" in printed, printed
    assert all(len(row) <= columns for row in printed.splitlines())


def test_a_file_gets_plain_lines(tmp_path):
    with open(tmp_path / "log", "w") as file:
        start("job", file.fileno()).communicate("\n")
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[-1] == "[job] done" and all(line.startswith("[job] work: 3 of 3 steps") for line in lines[:-1])
