"""What is read from Snakemake's command line."""

from __future__ import annotations

import ast
from dataclasses import dataclass

import pytest

from snakelm.workflow.snakemake_api import first_things, given_recipe, is_dry, is_quiet
from tests.workspace import ROOT


@pytest.mark.parametrize(
    ("arguments", "dry"),
    [
        (["-n"], True),
        (["-np"], True),
        (["-Fn", "--cores", "2"], True),
        (["--dry-run"], True),
        (["--cores", "2", "--config", "n=1"], False),
        (["-c2", "--until", "pretrain"], False),
        (["--notemp"], False),
    ],
)
def test_dry_runs_are_known_in_every_spelling(arguments: list[str], dry: bool) -> None:
    assert is_dry(arguments) is dry


def test_being_quiet_is_known_in_every_spelling() -> None:
    assert all(is_quiet(given) for given in (["--quiet"], ["--quiet", "all"], ["--quiet=rules"], ["-q"]))
    assert not is_quiet(["-n", "--quieter"])


def test_of_an_option_given_twice_both_count() -> None:
    arguments = ["--configfile", "a.yaml", "--configfile", "b.yaml", "-C", "only=x", "--config", "aa=2"]
    assert given_recipe(["/here/b.yaml"], {"aa": 2}, arguments) == (
        ["/here/a.yaml", "/here/b.yaml"],
        {"aa": 2, "only": "x"},
    )


def test_recipes_of_a_profile_stay() -> None:
    assert given_recipe(["/there/p.yaml"], {}, ["--cores", "2"]) == (["/there/p.yaml"], {})


def test_nothing_else_in_the_library_imports_snakemake() -> None:
    for path in (ROOT / "scripts" / "snakelm").rglob("*.py"):
        if path.name != "snakemake_api.py":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            names = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
            names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
            assert not [name for name in names if name.split(".")[0] == "snakemake"], path


@dataclass(frozen=True)
class Job:
    """What is asked of a job of Snakemake's."""

    priority: int
    cores: int

    @property
    def scheduler_resources(self) -> dict[str, int]:
        return {"_cores": self.cores}


WIDE, NARROW = Job(8, 2), Job(1, 1)


@pytest.mark.parametrize(
    ("ready", "running", "free", "chosen"),
    [
        ([NARROW, WIDE], [NARROW], 1, []),  # the core that is free is kept
        ([NARROW, WIDE], [], 2, [NARROW, WIDE]),  # both fit, and Snakemake chooses
        ([NARROW, NARROW], [NARROW], 1, [NARROW, NARROW]),
        ([NARROW, WIDE], [WIDE], 1, [NARROW]),  # its equal may take days: the gap beside it is filled
        ([NARROW, WIDE], [Job(1, 2), WIDE], 1, []),
        ([NARROW, Job(8, 64)], [NARROW], 1, [NARROW]),  # it will never fit
        ([NARROW, WIDE, Job(9, 1)], [NARROW], 1, [Job(9, 1)]),
    ],
)
def test_no_core_is_taken_from_a_job_that_others_wait_for(
    ready: list[Job], running: list[Job], free: int, chosen: list[Job]
) -> None:
    assert first_things(ready, running, {"_cores": free, "_job_count": 10**9, "tmpdir": "/tmp"}) == chosen
