"""`snakelm lock`: requirements.txt, requirements-torch.txt and envs/snakelm.yaml from pyproject.toml, by uv.

torch stands apart, without a hash: its builds for CPUs and for each CUDA are different files of one version, and pip
wants a hash for everything that one call installs or for nothing.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from snakelm.cli.checkout import checkout
from snakelm.cli.options import Subparsers
from snakelm.core.errors import UserError

MADE = "# Made from pyproject.toml by `make lock`."
HEADER = f"""\
{MADE} Everything but torch, with hashes; install both, in this order:
#   pip install --no-deps --requirement requirements.txt
#   pip install --requirement requirements-torch.txt
# torch has a file of its own, since its builds (CPU, CUDA) are different files of one version: no hash fits them all,
# and pip checks the hashes of all that it installs in one call or of nothing.
"""


def add_parser(subparsers: Subparsers) -> None:
    text = "Pin every package that pyproject.toml needs: requirements*.txt and envs/snakelm.yaml of this checkout."
    parser = subparsers.add_parser("lock", help=text, description=text, allow_abbrev=False)
    parser.add_argument("--upgrade", action="store_true", help="the newest versions; without it known pins stay")
    parser.set_defaults(function=run)


def run(given: argparse.Namespace) -> None:
    root = checkout("lock")
    requirements = root / "requirements.txt"
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--extra", "dev", "--universal"]
    command += ["--python-version", "3.11", "--generate-hashes", "--no-emit-package", "torch", "--no-annotate"]
    command += ["--no-header", "--quiet", "--output-file", requirements.name, *(["--upgrade"] if given.upgrade else [])]
    try:
        subprocess.run(command, cwd=root, check=True)
    except subprocess.CalledProcessError:
        raise UserError("snakelm lock: uv found no set of versions that fits, see above; nothing was changed") from None
    locked = requirements.read_text(encoding="utf-8")
    locked = "\n".join(line for line in locked.splitlines() if not line.startswith("#"))
    requirements.write_text(f"{HEADER}{locked}\n", encoding="utf-8")
    torch = torch_pin(root)
    (root / "requirements-torch.txt").write_text(f"{MADE} See requirements.txt.\n{torch}\n", encoding="utf-8")
    (root / "envs" / "snakelm.yaml").write_text(environment([*pins(locked), torch]), encoding="utf-8")


def pins(requirements: str) -> list[str]:
    """The lines name==version of a requirements file, with their markers and without their hashes."""
    return [line.removesuffix("\\").strip() for line in requirements.splitlines() if re.match(r"[a-z0-9]", line)]


def torch_pin(root: Path) -> str:
    """What pyproject.toml says about torch, which has to be a version."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return next(str(wanted) for wanted in project["dependencies"] if wanted.startswith("torch=="))


def environment(pinned: list[str]) -> str:
    """The same pins for conda. Snakemake copies the file elsewhere, so it cannot refer to requirements.txt."""
    head = ["channels:", "  - conda-forge", "  - nodefaults", "dependencies:", "  - python=3.11", "  - pip", "  - pip:"]
    return "\n".join([MADE, *head, *(f"      - {pin}" for pin in pinned)]) + "\n"
