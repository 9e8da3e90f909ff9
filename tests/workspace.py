"""A working directory for real Snakemake runs, apart from the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class Workspace:
    """A folder with a copy of the checkout's code, and Snakemake to run in it."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        for name in ("Snakefile", "scripts", "workflow", "envs", "profiles"):
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.exists():
                shutil.copy2(source, folder / name)

    def snakemake(self, *arguments: str, code: int | None = 0) -> str:
        """Run Snakemake; returns what it printed, and holds its exit code against `code` (None: any)."""
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        printed = done.stdout + done.stderr
        assert code is None or done.returncode == code, printed[-6000:]
        return printed

    def python(self, *arguments: str, code: int | None = 0) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(self.folder / "scripts")},  # its own copy of the library
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        printed = done.stdout + done.stderr
        assert code is None or done.returncode == code, printed[-6000:]
        return printed

    def snakelm(self, *arguments: str, code: int | None = 0) -> str:
        """Run a subcommand of `snakelm`, with this folder's own copy of the library."""
        return self.python("-m", "snakelm", *arguments, code=code)

    def order(self) -> Path:
        """Submit the jobs of r.yaml, as Snakemake does when it starts; returns the folder of its first corpus."""
        printed = self.python(
            "-c",
            "from snakelm.workflow.rules import read_plan; "
            "from snakelm.runs.store import Store; from snakelm.planning.orders import write_orders; "
            "plan = read_plan(['r.yaml'], {}, Store()); write_orders(plan); print(plan.of('fetch_corpus')[0].folder)",
        )
        return self.folder / printed.strip()

    def scheduled(self, *arguments: str) -> set[tuple[str, str]]:
        """(stage, job) of everything that `snakemake -n` would run."""
        return jobs(self.snakemake("-n", *arguments))


def jobs(printed: str) -> set[tuple[str, str]]:
    found = re.findall(r"^(?:local)?rule (\w+):$(?:\n    .*)*?\n    wildcards: run=(\S+)", printed, flags=re.MULTILINE)
    return set(found)
