"""The pinned environments are in step with each other and with pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import requires

import pytest
import yaml

from snakelm.cli.lock import environment, pins, torch_pin
from tests.workspace import ROOT


@pytest.fixture(scope="module")
def pinned() -> list[str]:
    return pins((ROOT / "requirements.txt").read_text())


def test_everything_is_pinned_to_a_release_and_has_a_hash(pinned: list[str]) -> None:
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9A-Za-z.]*( ; .+)?", pin) for pin in pinned)
    blocks = re.split(r"\n(?=[a-z0-9])", (ROOT / "requirements.txt").read_text())[1:]
    assert len(blocks) == len(pinned) and all("--hash=sha256:" in block for block in blocks)


def test_torch_is_pinned_by_itself_and_brings_its_own_cuda(pinned: list[str]) -> None:
    assert torch_pin(ROOT) == "torch==2.13.0"
    assert "torch==2.13.0" in (ROOT / "requirements-torch.txt").read_text().splitlines()
    assert not [pin for pin in pinned if pin.startswith(("torch", "nvidia", "triton", "cuda"))]


def test_what_the_lock_assumes_of_torch_is_what_torch_says() -> None:
    (assumed,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["dependency-metadata"]
    assert f"torch=={assumed['version']}" == torch_pin(ROOT)
    said = {re.split(r"[^a-z0-9-]", line, maxsplit=1)[0] for line in requires("torch") or [] if "extra ==" not in line}
    cuda = {name for name in said if name.startswith(("nvidia", "cuda", "triton"))}
    assert said - cuda <= set(assumed["requires-dist"])


def test_every_dependency_is_among_the_pins(pinned: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    known = {pin.partition(" ;")[0] for pin in [*pinned, torch_pin(ROOT)]}
    names = {pin.partition("==")[0] for pin in known}
    for wanted in project["dependencies"] + project["optional-dependencies"]["dev"]:
        name, _, version = wanted.lower().partition("==")
        assert name in names and (not version or wanted in known)


def test_the_conda_environment_is_in_step(pinned: list[str]) -> None:
    wanted = [*pinned, torch_pin(ROOT)]
    text = (ROOT / "envs" / "snakelm.yaml").read_text()
    assert text == environment(wanted), "run `make lock`"
    assert yaml.safe_load(text)["dependencies"][-1] == {"pip": wanted}
