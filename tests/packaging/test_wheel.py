"""`pip install .`: a wheel, not the checkout, in an environment of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.workspace import ROOT

TINY = ROOT / "tests" / "recipes" / "tiny.yaml"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a venv with the wheel; it borrows the libraries of the Python that runs the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "scripts"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    environment = folder / "venv"
    venv.create(environment)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    # Folders on sys.path are borrowed; .pth files in them, which would find the checkout, are not read.
    borrowed = [entry for entry in sys.path if entry.endswith("site-packages")]
    (packages / "borrowed.pth").write_text("\n".join(borrowed) + "\n")
    command = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps"]
    command += ["--ignore-installed", "--no-build-isolation", "--disable-pip-version-check", str(source)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    shutil.rmtree(source)
    return environment / "bin"


def snakelm(installed: Path, *arguments: str, folder: Path = ROOT, code: int = 0) -> str:
    done = subprocess.run([installed / "snakelm", *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_library_is_the_wheels(installed: Path) -> None:
    code = "import snakelm, sys; print(snakelm.__file__); import evaluate"
    done = subprocess.run([installed / "python", "-P", "-c", code], capture_output=True, text=True)
    assert str(installed.parent) in done.stdout
    assert "No module named 'evaluate'" in done.stderr  # the scripts hide no library of that name


def test_it_helps_and_plans_with_the_ids_of_the_checkout(installed: Path) -> None:
    assert "usage: snakelm" in snakelm(installed, "--help")
    plan = ["plan", "--json", "--configfile", str(TINY)]
    checkout = subprocess.run([sys.executable, "-m", "snakelm", *plan], cwd=ROOT, capture_output=True, check=True)
    found = {line["name"]: line["id"] for line in json.loads(snakelm(installed, *plan))}
    assert len(found) > 8 and found == {line["name"]: line["id"] for line in json.loads(checkout.stdout)}


def test_what_needs_a_checkout_says_so(installed: Path, tmp_path: Path) -> None:
    for command in ("run", "docs", "lock"):
        printed = snakelm(installed, command, folder=tmp_path, code=1)
        assert printed.startswith(f"snakelm {command}: needs a checkout") and len(printed.splitlines()) == 1
    assert not os.listdir(tmp_path)
