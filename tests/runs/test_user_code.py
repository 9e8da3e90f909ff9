"""What of a user's code counts in an id: the callable, what it reaches, and what that imports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from snakelm.readers.callables import callable_fingerprint
from snakelm.readers.config import SourceConfig
from snakelm.runs.code import ROOT, CodeDigests
from snakelm.runs.digests import FileDigests
from snakelm.runs.fingerprints import fingerprint

LIKE_THIS = '''
"""Rows."""
import logging
from dataclasses import dataclass

log = logging.getLogger(__name__)
SIZE = 3
OTHER = [1, 2]


@dataclass
class Book:
    """A book."""
    title: str
    year: int = 3


class Apart:
    size = 2


def rows():
    """Title: one"""
    return [clean(Book(rows.__doc__).title)] * SIZE


def clean(text):
    return text.strip()


def unrelated():
    return OTHER
'''


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(**files: str) -> None:
    for name, text in files.items():
        path = Path(name.replace("__init__", "\0").replace("__", "/").replace("\0", "__init__") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def digest_of(python: str) -> str:
    source = SourceConfig(python=python)
    return str(fingerprint(source, FileDigests(), CodeDigests())[python])


@pytest.mark.parametrize(
    ("python", "files", "edited"),
    [
        ("pkg.data:rows", {"pkg__data": "from pkg.util import f\ndef rows(): return f()\n"}, "pkg__util"),
        ("pkg.data:rows", {"pkg__data": "from .util import f\ndef rows(): return f()\n"}, "pkg__util"),
        ("pkg.data:rows", {"pkg__data": "from . import util\ndef rows(): return util.f()\n"}, "pkg__util"),
        ("pkg.data:rows", {"pkg__data": "def rows():\n    import pkg.util\n    return 1\n"}, "pkg__util"),
        ("pkg.data:rows", {"pkg__data": "def rows(): return 1\n"}, "pkg/__init__"),
        ("pkg.deep.data:rows", {"pkg__deep__data": "from ..util import f\ndef rows(): return f()\n"}, "pkg__util"),
        ("pkg.deep.data:rows", {"pkg__deep__data": "def rows(): return 1\n"}, "pkg/__init__"),
        ("pkg:rows", {"pkg/__init__": "from .util import f\ndef rows(): return f()\n"}, "pkg__util"),
        ("config.mine:rows", {"config__mine": "from config.h2 import f\ndef rows(): return f()\n"}, "config__h2"),
        ("config.mine:rows", {"config__mine": "from .h2 import f\ndef rows(): return f()\n"}, "config__h2"),
        ("mine:rows", {"mine": "import one\ndef rows(): return one.two.f()\n", "one": "import two\n"}, "two"),
        (
            "mine:rows",
            {"mine": "import importlib\ndef rows(): return importlib.import_module('pkg.util').f()\n"},
            "pkg__util",
        ),
        (
            "pkg.data:rows",
            {
                "pkg__data": "from importlib import import_module\n"
                "def rows(): return import_module('.util', __package__).f()\n"
            },
            "pkg__util",
        ),
        (
            "mine:rows",
            {
                "mine": "from importlib import import_module\n"
                "def rows(): return import_module(name='.util', package='pkg').f()\n"
            },
            "pkg__util",
        ),
        ("mine:rows", {"mine": "def rows(): return __import__('two').f()\n"}, "two"),
    ],
)
def test_what_a_callable_imports_counts(here: Path, python: str, files: dict[str, str], edited: str) -> None:
    write(**{edited: "def f(): return 1\n", **files})
    before = digest_of(python)
    file = Path(edited.replace("__init__", "\0").replace("__", "/").replace("\0", "__init__") + ".py")
    file.write_text(file.read_text() + "\n# a remark\n")
    assert digest_of(python) == before
    file.write_text(file.read_text() + "\nX = 2\n")
    assert digest_of(python) != before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SIZE = 3", "SIZE = 4"),
        ("title: str", "title: 'int'"),
        ("    title: str\n", "    title: str\n    pages: int = 0\n"),
        ("    year: int = 3", "    year = 3"),
        ("text.strip()", "text.lower()"),
        ("Title: one", "Title: two"),
        ('"""A book."""', '"""A fine book."""'),
        ("@dataclass\n", ""),
        ("import logging\n", "import logging\nimport effects\n"),
        ("OTHER = [1, 2]", "SIZE = 5"),
        ("def unrelated()", "def clean(text)"),
        ("def unrelated()", "@log.info\ndef unrelated()"),
        ("def unrelated()", "def unrelated(x=print())"),
        ("    size = 2", "    size = print()"),
        ("class Apart:", "class Apart(Book):"),
        ("def unrelated", "Book.title = 2\ndef unrelated"),
        ("def unrelated", "print()\ndef unrelated"),
        ("def unrelated", "def __getattr__"),
    ],
)
def test_what_a_callable_may_read_counts(here: Path, old: str, new: str) -> None:
    write(mine=LIKE_THIS)
    before = digest_of("mine:rows")
    assert LIKE_THIS.count(old) == 1
    write(mine=LIKE_THIS.replace(old, new))
    assert digest_of("mine:rows") != before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return OTHER", "return globals()"),
        ("OTHER = [1, 2]", "OTHER = [1, 2, 3]"),
        ("    size = 2", "    size = 3"),
        ("def unrelated()", "def added():\n    return 2\n\n\ndef unrelated()"),
        ("def unrelated()", "class Added:\n    '''New.'''\n    x: int = 2\n\n\ndef unrelated()"),
        ("class Apart", "# a remark\nclass Apart"),
    ],
)
def test_what_a_callable_cannot_reach_does_not_count(here: Path, old: str, new: str) -> None:
    write(mine=LIKE_THIS)
    before = digest_of("mine:rows")
    assert LIKE_THIS.count(old) == 1
    write(mine=LIKE_THIS.replace(old, new))
    assert digest_of("mine:rows") == before


@pytest.mark.parametrize(
    "way",
    [
        "globals()['unre' + 'lated']()",
        "getattr(sys.modules[__name__], name())",
        "eval('unre' + 'lated()')",
        "vars(own)",
        "inspect.getmembers(own)",
        "open(__file__).read()",
        "own.__dict__",
        "'unrelated'",
        "own.unrelated()",
    ],
)
def test_in_doubt_the_whole_module_counts(here: Path, way: str) -> None:
    text = LIKE_THIS.replace("* SIZE", f"* SIZE + [{way}]")
    write(mine=text)
    before = digest_of("mine:rows")
    write(mine=text.replace("return OTHER", "return 7"))
    assert digest_of("mine:rows") != before


@pytest.mark.parametrize(
    "other", ["from pkg.data import unrelated", "import pkg.data as d", "import pkg\npkg.data", "from .data import *"]
)
def test_a_module_that_others_import_back_counts_whole(here: Path, other: str) -> None:
    text = "from pkg import helper\ndef rows(): return helper.f()\ndef unrelated(): return 1\n"
    write(pkg__data=text, pkg__helper=f"{other}\n")
    before = digest_of("pkg.data:rows")
    write(pkg__data=text.replace("return 1", "return 2"))
    assert digest_of("pkg.data:rows") != before


def test_annotations_that_code_dispatches_on_count(here: Path) -> None:
    text = (
        "from functools import singledispatch\n@singledispatch\ndef f(x): return 1\n"
        "@f.register\ndef _(x: int): return 2\ndef rows(): return [f(1)]\n"
    )
    write(mine=text)
    before = digest_of("mine:rows")
    write(mine=text.replace("x: int", "x: str"))
    assert digest_of("mine:rows") != before


def test_a_module_outside_the_checkout_is_followed_from_its_own_folder(here: Path, monkeypatch: pytest.MonkeyPatch):
    elsewhere = here / "elsewhere"
    write(elsewhere__own_apart__data="from own_apart import util\ndef rows(): return util.f()\n")
    write(elsewhere__own_apart__util="def f(): return 1\n")
    (elsewhere / "own_apart" / "__init__.py").write_text("")
    work = here / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.syspath_prepend(str(elsewhere))
    assert callable_fingerprint("own_apart.data:rows")["file"] == str(elsewhere / "own_apart" / "data.py")
    before = digest_of("own_apart.data:rows")
    (elsewhere / "own_apart" / "util.py").write_text("def f(): return 2\n")
    assert digest_of("own_apart.data:rows") != before


def test_data_files_of_a_callable_count_only_where_reads_names_them(here: Path) -> None:
    write(pkg__data="def rows(): return open('pkg/a.csv').read()\n")
    Path("pkg/a.csv").write_text("1")
    silent, told = SourceConfig(python="pkg.data:rows"), SourceConfig(python="pkg.data:rows", reads="pkg/a.csv")

    def digests() -> list[str]:
        return [str(fingerprint(source, FileDigests(), CodeDigests())) for source in (silent, told)]

    before = digests()
    Path("pkg/a.csv").write_text("2")
    assert [old == new for old, new in zip(before, digests(), strict=True)] == [True, False]


PLUGIN = """
from snakelm.tasks.config import task_types
from snakelm.tasks.types.regression import Regression
from config.h2 import f

@task_types.register("mine")
class Mine(Regression):
    '''A task of my own.'''
"""
ASK = """
from snakelm.core import plugins
from snakelm.tasks.config import task_types
from snakelm.runs.code import CodeDigests
plugins.load(["PLUGIN"])
print(CodeDigests().stage("finetune", (task_types.get("mine").__module__,)))
"""


@pytest.mark.parametrize("name", ["config.mine", "config/mine.py"])
def test_a_plugin_counts_with_what_it_imports(here: Path, name: str) -> None:
    def asked() -> str:
        path = os.pathsep.join([str(ROOT), str(here)])
        done = subprocess.run(
            [sys.executable, "-c", ASK.replace("PLUGIN", name)],
            env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    write(config__mine=PLUGIN, config__h2="def f(): return 1\n")
    found = [asked()]
    write(config__h2="def f(): return 2\n")
    found.append(asked())
    write(config__mine=PLUGIN.replace("of my own", "of mine"))
    found.append(asked())
    write(config__h2="def f(): return 2  # fine\n")
    found.append(asked())
    assert len(set(found)) == 3 and found[2] == found[3]
