"""The pinned environments are in step with each other and with pyproject.toml."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def pins() -> list[str]:
    return [line for line in (ROOT / "requirements.txt").read_text().splitlines() if not line.startswith("#")]


def test_everything_is_pinned_to_a_release(pins):
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9A-Za-z.]*", pin) for pin in pins)
    assert "torch==2.13.0" in pins


def test_every_dependency_is_among_the_pins(pins):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {pin.partition("==")[0] for pin in pins}
    for wanted in project["dependencies"] + project["optional-dependencies"]["dev"]:
        name, _, version = wanted.partition("==")
        assert name in names and (not version or wanted in pins)


def test_the_conda_environment_is_in_step(pins):
    spec = importlib.util.spec_from_file_location("lock", ROOT / "scripts" / "lock.py")
    lock = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lock)
    text = (ROOT / "envs" / "snakelm.yaml").read_text()
    assert text == lock.environment(pins), "run `make lock`"
    assert yaml.safe_load(text)["dependencies"][-1] == {"pip": pins}
