"""The report's small parts: numbers as text, thinned curves, names and keys."""

from __future__ import annotations

import json
import math

import pytest

from snakelm.report.charts import Chart, Column, Series, Table
from snakelm.report.curves import axis, curve, training_log
from snakelm.report.figures import short
from snakelm.report.numbers import decimals, fixed, plain
from snakelm.report.ordering import natural
from snakelm.report.runs import FinishedRun
from snakelm.report.sections.data import _sizes
from snakelm.report.sections.reproduce import without_secrets
from snakelm.runs.records import Manifest, Subject


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.58233, "0.582"),
        (-0.01234, "−0.0123"),
        (24.733, "24.73"),
        (1234.5, "1,234"),
        (9.99951, "10.000"),
        (1e-9, "0.0000"),
        (math.nan, "n/a"),
        (-math.inf, "n/a"),
    ],
)
def test_numbers(value, text):
    assert fixed(value, decimals(value)) == text


def test_plain_values():
    values = [1813504, 4.6512, 3e-4, True, None, [1, 2.5], "x", -3, 0.0, math.inf]
    shown = ["1,813,504", "4.651", "0.0003", "yes", "–", "1, 2.500", "x", "−3", "0", "n/a"]
    assert [plain(value) for value in values] == shown


def test_minus_zero_has_no_sign():
    assert fixed(-0.0001, 3, sign=True) == "0.000"


@pytest.mark.parametrize(
    "names",
    [
        ["1", "a", "m2", "m10"],
        ["x", "x-lr=1e-05", "x-lr=0.0001", "x-lr=0.0003", "x-lr=0.001", "x-lr=0.01", "x-lr=1.5", "x-lr=10"],
        ["gpt-1.9-small", "gpt-2.0", "gpt-2.0-small"],
        ["v2e", "v2e9b", "v3e"],
        ["", "01", "1", "9" * 400],
    ],
)
def test_names_sort_by_the_numbers_in_them(names):
    assert sorted(reversed(names), key=natural) == names


def test_long_curves_are_averaged_and_gaps_skipped():
    rows = [{"step": str(step), "loss": str(step % 2)} for step in range(1000)]
    rows[3]["loss"] = "nan"
    rows[5]["loss"] = ""
    thin = curve(training_log(rows), "step", "loss", points=100)
    assert len(thin.x) == 100 and thin.lost == 1
    assert max(abs(y - 0.5) for y in thin.y) < 0.2
    assert thin.x == sorted(thin.x)
    assert not curve(training_log([{"step": "1", "loss": ""}]), "step", "loss")


def test_axis_is_one_that_all_curves_have():
    full, gap, empty = (
        training_log(rows) for rows in ([{"tokens": "5", "step": "1"}], [{"tokens": "", "step": "1"}], [])
    )
    assert axis([full, gap, empty], ("tokens", "step")) == "step"
    assert axis([empty], ("tokens",)) is None


def test_charts_are_json_that_ends_no_script():
    line = Series.of("</script><b>\u2028", curve(training_log([{"s": "1", "l": "2.123456789"}]), "s", "l"), 3)
    data = str(Chart("lines", "c", "a < b & c", (line,), "s", "$y$").data)
    assert not set("<>&\u2028") & set(data)
    found = json.loads(data)
    assert found["title"] == "a < b & c" and found["series"][0]["name"] == "</script><b>\u2028"
    assert found["series"][0] | {"x": [1], "y": [2.12346], "colour": 3} == found["series"][0]


def test_tables_hold_no_numbers_that_json_has_not():
    table = Table("t", (Column("a"), Column("b", "number")), (("x", math.nan), ("y", 3.0)), "")
    assert json.loads(str(table.data))["rows"] == [["x", None], ["y", 3]]


def test_short_names_and_secrets():
    assert short("a" * 30) == "a" * 12 + "…" + "a" * 11 and short("") == "(no name)"
    assert without_secrets("see https://me:pw@host/x and a@b") == "see https://***@host/x and a@b"


def test_corpora_are_shown_by_source_with_what_was_cleaned(tmp_path):
    step = {"step": "html", "seen": 9, "changed": 2, "dropped": {"empty": 1}, "characters_removed": 5, "examples": []}
    headline = {
        "documents": {"train": 8},
        "dropped": {"null": 0},
        "sources": {"train": {"documents": {"train": 5}}, "b": {"documents": {"train": 3}}},
        "cleaning": [step, {**step, "source": "b", "dropped": {}}],
        "duplicates": {"paragraphs": 3, "paragraph_characters": 1200, "paragraph_examples": ["a text"]},
    }
    manifest = Manifest("fetch_corpus", "c", "0" * 12, headline=headline)
    table, lines = _sizes([FinishedRun(tmp_path, manifest, Subject(corpus="c"))])
    assert table.rows == [("c", ["train", "8"]), ("c, train", ["train", "5"]), ("c, b", ["train", "3"])]
    assert lines == [
        "c: 3 repeated paragraphs (1,200 characters) removed.",
        "c: html saw 9 documents, changed 2 and removed 1 (empty 1).",
        "c, b: html saw 9 documents, changed 2 and removed 0.",
    ]
