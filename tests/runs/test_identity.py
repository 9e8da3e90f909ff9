"""Code counts by meaning, and only for the stages that can run it."""

from __future__ import annotations

import ast
import hashlib
import shutil
from pathlib import Path

import pytest

from snakelm.runs.code import ROOT as SCRIPTS
from snakelm.runs.code import CodeDigests, normal_form
from snakelm.runs.digests import FileDigests, JsonCache, digest
from snakelm.runs.stages import STAGES

CODE = '''
"""A module."""
from pathlib import Path

LIMIT = 3


class Holder:
    """A class."""

    def __init__(self, size):
        self.size = size


def double(value, times=2):
    """Double it."""
    # a remark
    return value * times + LIMIT
'''


def form(text: str, declarations: bool = True) -> str:
    return normal_form(ast.parse(text), declarations)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    # a remark\n", ""),
        ("    # a remark\n", "    # another\n\n    # two\n"),
        ('"""Double it."""', '"""Twice, or more\n\n    often."""'),
        ('"""Double it."""\n', ""),
        ('"""A module."""\n', ""),
        ("LIMIT = 3", "LIMIT: int = 3"),
        ("LIMIT = 3", "LIMIT = 0x3"),
        ("def double(value, times=2):", "def double(value: int, times: int = 2) -> int:"),
        ("def double(value, times=2):", "def double(\n    value,\n    times=2,\n):"),
        ("value * times + LIMIT", "(value * times) + LIMIT"),
        ("self.size = size", "self.size: int = size"),
        ("from pathlib import Path\n", "from pathlib import Path\nfrom typing import Any\n"),
        ("from pathlib import Path\n", ""),  # nothing uses it
        (
            "LIMIT = 3",
            "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from decimal import Decimal\n\nLIMIT = 3",
        ),
    ],
)
def test_what_means_the_same_has_the_same_digest(old, new):
    assert old in CODE
    assert form(CODE.replace(old, new)) == form(CODE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ("LIMIT = 3", "LIMIT = 3.0"),
        ("LIMIT = 3", "LIMIT = '3'"),
        ("times=2", "times=3"),
        ("value * times + LIMIT", "value * (times + LIMIT)"),
        ("self.size = size", "self.size = None"),
        ("class Holder:", "class Holder(dict):"),
        ("def double(value", "def double(*value"),
        ("def double", "@staticmethod\ndef double"),
        ("return value", "return -value"),
    ],
)
def test_what_means_something_else_has_another(old, new):
    assert old in CODE
    assert form(CODE.replace(old, new)) != form(CODE)


def test_declarations_of_config_modules_count_by_their_values_and_methods_as_code():
    model = (
        "class C(Config):\n    size: int = Field(3, gt=0, description='x')\n"
        "    @model_validator(mode='after')\n    def check(self):\n        return self\n"
        "    def twice(self):\n        return 2 * self.size\n"
    )
    assert form(model.replace("Field(3", "Field(4"), False) == form(model, False)
    assert form(model.replace("return self\n", "return self  # fine\n"), False) == form(model, False)
    assert form(model.replace("2 * self", "3 * self"), False) != form(model, False)
    # So do keys that are declared elsewhere (in the module of a task type); other annotated values are code there.
    assert form(model.replace("Field(3", "Field(4")) == form(model)
    plain = model.replace("Field(3, gt=0, description='x')", "3")
    assert form(plain.replace("= 3", "= 4")) != form(plain) and form(plain.replace("= 3", "= 4"), False) == form(
        plain, False
    )


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    copy = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def stale(scripts: Path, path: str, edit: str = "\n\ndef added():\n    return 1\n") -> set[str]:
    """The stages whose code means something else after an addition to one file."""
    cache = scripts.parent / "code.json"

    def digests() -> dict[str, str]:
        code = CodeDigests(scripts, cache)
        found = {stage: code.stage(stage) for stage in STAGES}
        code.save()
        return found

    before = digests()
    file = scripts / path
    file.write_text(file.read_text() + edit)
    after = digests()
    return {stage for stage in STAGES if after[stage] != before[stage]}


@pytest.mark.parametrize("stage", STAGES)
def test_an_edit_to_a_stage_touches_no_other_stage(scripts, stage):
    assert stale(scripts, f"{stage}.py") == {stage}
    for module in sorted((scripts / "snakelm" / stage).rglob("*.py")):
        touched = stale(scripts, module.relative_to(scripts).as_posix())
        assert touched <= {stage}, f"{module.name} of {stage} is imported by {touched}"


def test_an_edit_to_shared_code_touches_those_who_import_it(scripts):
    assert stale(scripts, "snakelm/readers/corpus.py") >= {"train_tokenizer", "encode_corpus"}
    assert "pretrain" not in stale(scripts, "snakelm/readers/corpus.py")
    assert stale(scripts, "snakelm/architectures/build.py") == {"pretrain", "finetune"}
    assert stale(scripts, "snakelm/tasks/config.py") == {"finetune", "evaluate"}


@pytest.mark.parametrize("module", ["files", "records"])
def test_an_edit_to_how_files_are_written_touches_every_stage(scripts, module):
    """Manifests hold the headline numbers, which the report shows."""
    assert stale(scripts, f"snakelm/artifacts/{module}.py") == set(STAGES)


@pytest.mark.parametrize("module", ["checkpoints", "threads"])
def test_what_publishes_checkpoints_and_sets_threads_counts(scripts, module):
    """A trunk's checkpoint is its result; the number of threads changes the last digits of weights."""
    assert stale(scripts, f"snakelm/training/{module}.py") == {"pretrain", "finetune"}


def test_code_that_only_carries_runs_touches_nothing(scripts):
    for package in ("core", "runs", "execution", "planning", "recipe", "maintenance", "workflow", "cli"):
        for module in sorted((scripts / "snakelm" / package).glob("*.py")):
            assert stale(scripts, module.relative_to(scripts).as_posix()) == set(), module


def test_a_comment_anywhere_touches_nothing(scripts):
    for module in sorted(scripts.rglob("*.py"))[::5]:
        assert stale(scripts, module.relative_to(scripts).as_posix(), "\n\n# a remark\n") == set()


def test_files_beside_modules_are_code(scripts):
    template = next((scripts / "snakelm" / "report").glob("*.html"))
    template.write_text(template.read_text() + " ")
    before = CodeDigests(SCRIPTS).stage("report")
    assert CodeDigests(scripts).stage("report") != before


def test_digests_are_the_same_from_the_cache_and_without(scripts, tmp_path):
    cache = tmp_path / "code.json"
    first = CodeDigests(scripts, cache)
    wanted = [first.stage(stage) for stage in STAGES]
    first.save()
    assert cache.stat().st_size > 1000
    assert [CodeDigests(scripts, cache).stage(stage) for stage in STAGES] == wanted
    assert [CodeDigests(SCRIPTS).stage(stage) for stage in STAGES] == wanted


def test_file_digests_see_an_edit_that_keeps_size_and_name(tmp_path):
    file, cache = tmp_path / "a.txt", tmp_path / "files.json"
    for text in ("one", "two", "six"):
        file.write_text(text)
        digests = FileDigests(cache)
        assert digests(file) == hashlib.sha256(text.encode()).hexdigest()
        digests.save()


def test_a_broken_cache_is_no_error(tmp_path):
    file = tmp_path / "cache.json"
    file.write_text("{half")
    cache = JsonCache(file)
    cache.put("a", 1)
    cache.save()
    assert JsonCache(file).get("a") == 1
    JsonCache(tmp_path / "missing" / "deep.json").get("a")


def test_digest_does_not_depend_on_key_order():
    assert digest({"a": 1, "b": [1, {"c": 2, "d": 3}]}) == digest({"b": [1, {"d": 3, "c": 2}], "a": 1})
    assert digest({"a": 1}) != digest({"a": 1.5}) != digest({"a": "1"})
