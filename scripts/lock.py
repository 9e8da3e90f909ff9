"""Write requirements.txt and envs/snakelm.yaml: every package that pyproject.toml's dependencies need, pinned."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

MADE = "# Made from pyproject.toml by `make lock`."
ROOT = Path(__file__).resolve().parent.parent


def pins() -> list[str]:
    """name==version of the whole resolution, sorted; asks pip, installs nothing."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    report = json.loads(subprocess.run([*command, *wanted], check=True, stdout=subprocess.PIPE).stdout)
    packages = {item["metadata"]["name"]: item["metadata"]["version"] for item in report["install"]}
    # A CPU build's local version (torch==2.13.0+cpu) is on no index: pin the release.
    named = {re.sub(r"[-_.]+", "-", name).lower(): version.partition("+")[0] for name, version in packages.items()}
    return [f"{name}=={version}" for name, version in sorted(named.items())]


def environment(requirements: list[str]) -> str:
    """The same pins for conda. Snakemake copies the file elsewhere, so it cannot refer to requirements.txt."""
    head = ["channels:", "  - conda-forge", "  - nodefaults", "dependencies:", "  - python=3.11", "  - pip", "  - pip:"]
    return "\n".join([MADE, *head, *(f"      - {pin}" for pin in requirements)]) + "\n"


if __name__ == "__main__":
    found = pins()
    (ROOT / "requirements.txt").write_text("\n".join([MADE, *found]) + "\n", encoding="utf-8")
    (ROOT / "envs" / "snakelm.yaml").write_text(environment(found), encoding="utf-8")
