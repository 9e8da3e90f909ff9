"""The rooms of the library and what may import what: docs/architecture.md, held against the code."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

from snakelm.runs.code import CARRIERS
from snakelm.runs.stages import STAGES

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "scripts" / "snakelm"
LAYERS: list[set[str]] = [
    {"artifacts", "core"},
    {"readers", "architectures", "tokenization", "metrics", "statistics", "execution", "training"},
    {"tasks"},
    {"runs"},
    set(STAGES),
    {"recipe"},
    {"planning"},
    {"maintenance", "prediction", "comparison"},
    {"publishing"},
    {"workflow"},
    {"cli"},
]
"""Bottom to top; a package imports its own modules and those of lower layers."""


def imports() -> dict[str, set[str]]:
    """Module → modules of ours that it imports anywhere, function bodies and type checking included."""
    files = {_name(path): path for path in LIBRARY.rglob("*.py")}
    found: dict[str, set[str]] = defaultdict(set)
    for name, path in files.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            targets = []
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{name}: imports are written out in full"
                targets = [f"{node.module}.{alias.name}" for alias in node.names] + [str(node.module)]
            for target in targets:
                if target in files and target != name:
                    found[name].add(target)
    return found


def _name(path: Path) -> str:
    parts = path.relative_to(LIBRARY.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    """The package that a module is in; '' for the few that stand above all packages."""
    part = module.split(".")[1] if "." in module else ""
    return "" if part == "__main__" else part


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    return imports()


def test_every_package_has_its_layer():
    packages = {path.parent.name for path in LIBRARY.glob("*/__init__.py")}
    assert packages == set().union(*LAYERS)
    assert {path.name for path in LIBRARY.glob("*.py")} == {"__init__.py", "__main__.py"}


def test_packages_import_lower_layers_only(graph):
    level = {package: number for number, layer in enumerate(LAYERS) for package in layer}
    wrong = {
        (module, target)
        for module, targets in graph.items()
        for target in targets
        if room(module) and room(target) and room(module) != room(target) and level[room(target)] > level[room(module)]
    }
    assert not wrong


def test_stages_never_import_each_other(graph):
    wrong = {
        (module, target)
        for module, targets in graph.items()
        for target in targets
        if room(module) in STAGES and room(target) in STAGES and room(module) != room(target)
    }
    assert not wrong


def test_there_are_no_import_circles(graph):
    state: dict[str, int] = {}
    circles: list[list[str]] = []

    def visit(module: str, path: list[str]) -> None:
        state[module] = 1
        for target in sorted(graph.get(module, ())):
            if state.get(target) == 1:
                circles.append([*path[path.index(target) :], target] if target in path else [module, target])
            elif target not in state:
                visit(target, [*path, target])
        state[module] = 2

    for module in sorted(graph):
        if module not in state:
            visit(module, [module])
    assert not circles


def test_the_architecture_page_names_every_package_and_what_enters_no_id():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE))
    assert listed == set().union(*LAYERS)
    carriers = re.search(r"^Carries runs, enters no id: (.*)\.$", page, flags=re.MULTILINE)
    assert carriers and {f"snakelm.{name}" for name in re.findall(r"`(\w+)`", carriers[1])} == set(CARRIERS)


@pytest.mark.parametrize("stage", STAGES)
def test_the_script_of_a_stage_is_the_plain_launcher(stage):
    lines = (ROOT / "scripts" / f"{stage}.py").read_text(encoding="utf-8").splitlines()
    assert lines[1:] == [
        "",
        "from snakelm.runs.launch import main",
        "",
        'if __name__ == "__main__":',
        f'    main("{stage}")',
    ]
