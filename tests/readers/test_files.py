"""Plain text, tables and their ugliest inputs, read from real files."""

import bz2
import gzip
import hashlib
import json
import logging
import os
from pathlib import Path

import pandas
import pytest

from snakelm.core.errors import UserError
from snakelm.readers.config import SourceConfig
from snakelm.readers.paths import source_paths
from snakelm.readers.rows import column, read_rows


@pytest.fixture(autouse=True)
def checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    return tmp_path


def write(name, content):
    with open(name, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    return name


def rows(**config):
    return list(read_rows(SourceConfig(**config)))


def refused(**config):
    with pytest.raises(UserError) as error:
        rows(**config)
    assert len(error.value.lines) == 1
    return str(error.value)


def test_a_file_is_kept_character_by_character():
    write("a.txt", "one\r\n\r\ntwo\rthree\n\u2028\x0c")
    assert rows(files="a.txt") == [{"text": "one\r\n\r\ntwo\rthree\n\u2028\x0c"}]


def test_paragraphs_are_divided_by_blank_lines_and_keep_their_inner_line_ends():
    write("a.txt", "\r\none\r\nmore\r\n \t\r\n\r\ntwo")
    found = rows(files="a.txt", unit="paragraph")
    assert found == [{"text": "one\r\nmore"}, {"text": "two"}]
    assert [row.where for row in found] == ["a.txt line 2", "a.txt line 6"]


def test_lines_are_not_divided_at_unicode_separators():
    write("a.txt", "one\u2028still one\x85\x0bone\r\n\r\nthree\rfour")
    texts = [row["body"] for row in rows(files="a.txt", unit="line", text="body")]
    assert texts == ["one\u2028still one\x85\x0bone", "", "three", "four"]


def test_gzip_is_known_by_its_content():
    packed = gzip.compress(b"hello\n")
    for name in ("a.txt.gz", "b.txt"):
        write(name, packed)
    write("c.txt.gz", b"hello\n")
    assert {row["text"] for row in rows(files="*.txt*")} == {"hello\n"}
    write("d.txt.gz", packed[:-9])
    assert "d.txt.gz: damaged or truncated gzip file" in refused(files="d.txt.gz")


def test_bzip2_is_known_by_its_content():
    packed = bz2.compress(b"hello\n" * 1000)
    write("a.txt.bz2", packed)
    write("b.txt", packed)
    write("c.txt", "BZh is no bzip2")
    assert [row["text"][:6] for row in rows(files="*.txt*")] == ["hello\n", "hello\n", "BZh is"]
    write("d.jsonl.bz2", bz2.compress(b'{"text": "a"}\n'))
    assert rows(files="d.jsonl.bz2") == [{"text": "a"}]
    write("e.txt.bz2", packed[:-9])
    assert "e.txt.bz2: damaged or truncated" in refused(files="e.txt.bz2")
    digest = hashlib.sha256(packed).hexdigest()
    assert rows(files="a.txt.bz2", sha256=digest)


def test_files_are_sorted_and_each_is_read_once(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("snakelm"), "propagate", True)
    for name in ("b", "a", "c"):
        write(f"data/{name}.txt", name)
    source = SourceConfig(files=["data/c.txt", "data/*.txt", "./data/a.txt"])
    assert source_paths(source) == ["data/a.txt", "data/b.txt", "data/c.txt"]
    assert [row["text"] for row in read_rows(source)] == ["a", "b", "c"]
    assert "data/a.txt, data/c.txt: given more than once in files, read once" in caplog.text
    caplog.clear()
    list(read_rows(SourceConfig(files=["data/c.txt", "data/a.txt"])))
    assert not caplog.records


def test_a_name_with_brackets_is_a_name_where_it_exists():
    write("data/poems [1].txt", "x")
    assert source_paths(SourceConfig(files="data/poems [1].txt")) == ["data/poems [1].txt"]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ("data/none.txt", "no such file"),
        ("data/*.text", "matches no file"),
        ("data", "is a folder; name its files, as in data/*.txt"),
        ("data/lost", "broken link"),
    ],
)
def test_files_that_are_not_there(checkout, files, said):
    (checkout / "data" / "lost").symlink_to("gone")
    with pytest.raises(UserError, match="(?s)" + said.replace("*", r"\*")):
        source_paths(SourceConfig(files=files))


def test_all_missing_files_are_named_at_once():
    with pytest.raises(UserError) as error:
        source_paths(SourceConfig(files=["x.txt", "y.txt"]))
    assert len(error.value.lines) == 2


def test_byte_order_marks_and_wrong_encodings():
    write("bom.csv", "\ufefftext\nä\n")
    assert rows(files="bom.csv") == [{"text": "ä"}]
    write("latin.txt", "plain\nmore\ncafé\n".encode("latin-1"))
    assert rows(files="latin.txt", encoding="latin-1")[0]["text"] == "plain\nmore\ncafé\n"
    assert "latin.txt line 3: byte e9 at 4 (offset 14 of the file) is not utf-8" in refused(files="latin.txt")
    assert "latin.txt line 3: byte e9" in refused(files="latin.txt", unit="line")
    write("wide.txt", "wide".encode("utf-16"))
    assert "set encoding: utf-16" in refused(files="wide.txt")
    assert rows(files="wide.txt", encoding="utf-16") == [{"text": "wide"}]
    write("odd.txt", "wide".encode("utf-16")[:-1])
    assert "odd.txt: is not utf-16" in refused(files="odd.txt", encoding="utf-16")


def test_csv_with_quoted_line_ends_and_documents_longer_than_the_csv_module_likes():
    long = "word " * 50_000
    write("a.csv", f'text,year\r\n"one\r\ntwo ""three""",1790\r\n\r\n{long},1791\r\n')
    found = rows(files="a.csv")
    assert found == [{"text": 'one\r\ntwo "three"', "year": "1790"}, {"text": long, "year": "1791"}]
    assert [row.line for row in found] == [2, 5]


def test_csv_without_header_and_tsv_without_quotes():
    write("a.tsv", '"word\t1\nb\t2\n')
    given = {"files": "a.tsv", "header": False, "column_names": ["text", "label"]}
    for more in ({}, {"quote": ""}):
        assert rows(**given, **more) == [{"text": '"word', "label": "1"}, {"text": "b", "label": "2"}]
    unclosed = refused(**given, quote='"', multiline=True)
    assert "a quote is never closed; if quotes mean nothing in this file, set quote: ''" in unclosed
    assert "1 columns, expected 2" in refused(**given, delimiter=";", quote="")
    assert "header: false needs column_names" in refused(files="a.tsv", header=False)


def test_column_names_never_eat_a_row():
    """Whether the first row is data has to be stated, unless it holds the very names."""
    for name, tab in (("a.tsv", "\t"), ("a.csv", ",")):
        write(name, f"good{tab}one\nbad{tab}two\n")
        given = {"files": name, "column_names": ["label", "text"]}
        said = refused(**given)
        assert "set header: false if the first row (good, one) is data, or header: true" in said
        assert rows(**given, header=False) == [{"label": "good", "text": "one"}, {"label": "bad", "text": "two"}]
        assert rows(**given, header=True) == [{"label": "bad", "text": "two"}]
        write(name, f"label{tab}text\nbad{tab}two\n")
        assert rows(**given) == [{"label": "bad", "text": "two"}]


@pytest.mark.parametrize("first", ["some text,1", "0.5,a", f"{'word ' * 30},a"])
def test_a_first_row_that_looks_like_data_is_asked_about(first):
    write("a.csv", f"{first}\nmore,2\n")
    said = refused(files="a.csv")
    assert "looks like data" in said and "set header: false and column_names" in said and "or header: true" in said
    assert len(rows(files="a.csv", header=True)) == 1
    assert len(rows(files="a.csv", header=False, column_names=["text", "label"])) == 2


def test_stray_quotes_do_not_merge_rows(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("snakelm"), "propagate", True)
    lines = [f"text {n}\t{n % 2}" for n in range(600)]
    lines[100], lines[140] = '"odd\t0', 'odd"\t0'
    write("a.tsv", "text\tlabel\n" + "\n".join(lines))
    assert len(rows(files="a.tsv")) == 600
    write("b.csv", "text\tlabel\n" + "\n".join(lines))
    assert len(rows(files="b.csv", delimiter="tab")) == 600
    said = refused(files="a.tsv", quote='"')
    assert "a.tsv line 102: a quoted field goes on to line 142; if quotes mean nothing" in said
    assert not caplog.records
    write("c.tsv", 'text\tlabel\n"he said ""no"""\ta\n"one\ttwo"\tb\n')
    assert "line 3: 3 columns, expected 2 (text, label); if quotes protect tabs" in refused(files="c.tsv")
    assert [row["text"] for row in rows(files="c.tsv", quote='"')] == ['he said "no"', "one\ttwo"]
    write("d.tsv", 'text\tlabel\n"he said ""no"""\ta\n')
    assert rows(files="d.tsv")[0]["text"] == '"he said ""no"""'
    assert "1 rows have fields in quotes (first: line 2)" in caplog.text
    write("e.tsv", 'text\tlabel\n"one\ntwo"\ta\n')
    assert rows(files="e.tsv", quote='"', multiline=True)[0]["text"] == "one\ntwo"
    assert "goes on to line 3" in refused(files="e.tsv", quote='"')


def test_ugly_csv_is_named_by_line():
    write("ragged.csv", "text,year\na,1\nb\n")
    assert "ragged.csv line 3: 1 columns, expected 2 (text, year)" in refused(files="ragged.csv")
    write("open.csv", 'text,year\na,1\n"b,2\nc,3\n')
    assert "open.csv line 3: a quote is never closed" in refused(files="open.csv")
    write("twice.csv", "text,text\na,1\n")
    assert "names text more than once" in refused(files="twice.csv")
    write("stray.csv", 'text,year\n"a" b,1\n')
    assert "stray.csv line 2" in refused(files="stray.csv")


def test_jsonl_and_its_malformed_lines():
    write("a.jsonl", '{"text": "a", "n": 1}\r\n\r\n"b\\u2028"\n')
    found = rows(files="a.jsonl")
    assert found == [{"text": "a", "n": 1}, {"text": "b\u2028"}]
    assert found[1].where == "a.jsonl line 3"
    write("b.jsonl", '{"text": "a"}\n{"text": \n')
    assert "b.jsonl line 2: malformed JSON" in refused(files="b.jsonl")
    write("c.jsonl", "[1]\n")
    assert "c.jsonl line 1: a row must be a JSON object or string, not list" in refused(files="c.jsonl")
    write("deep.jsonl", "[" * 100_000)
    assert "deep.jsonl line 1" in refused(files="deep.jsonl")


def test_json_list_and_parquet():
    write("a.json", json.dumps([{"text": "a"}, "b"]))
    assert rows(files="a.json") == [{"text": "a"}, {"text": "b"}]
    write("b.json", "{}")
    assert "is not a list of rows" in refused(files="b.json")
    pandas.DataFrame({"text": ["a", None], "year": [1790, 1791]}).to_parquet("a.parquet")
    found = rows(files="a.parquet")
    assert found == [{"text": "a", "year": 1790}, {"text": None, "year": 1791}]
    assert found[1].where == "a.parquet row 2"
    write("b.parquet", "no")
    assert "b.parquet: not a parquet file" in refused(files="b.parquet")


def test_an_unknown_suffix_and_a_missing_column_are_named():
    write("a.doc", "x")
    assert "unknown format" in refused(files="a.doc")
    assert rows(files="a.doc", format="txt") == [{"text": "x"}]
    write("a.csv", "texts,year\na,1\n")
    with pytest.raises(UserError, match="a.csv line 2: no column 'text'; did you mean texts?"):
        column(rows(files="a.csv")[0], "text")


def test_unit_is_not_passed_over_in_silence():
    write("a.jsonl", '"a"\n')
    assert "a.jsonl: unit: line is for txt files, but this is jsonl" in refused(files="a.jsonl", unit="line")


def test_parallel_files_keep_the_order_of_the_recipe():
    write("b.en", "one\ntwo\x85\n")
    write("a.de", "eins\r\nzwei\r\n")
    both = {"files": ["b.en", "a.de"], "format": "parallel"}
    assert rows(**both) == [{"source": "one", "target": "eins"}, {"source": "two\x85", "target": "zwei"}]
    write("b.en.gz", gzip.compress(b"one\n"))
    write("a.de.gz", gzip.compress(b"eins\n"))
    packed = {"files": ["b.en.gz", "a.de.gz"]}
    assert rows(**packed, format="parallel") == [{"source": "one", "target": "eins"}]
    assert "parallel for two files line by line" in refused(**packed)
    write("a.de", "eins\n")
    assert refused(**both) == "a.de: ends after line 1, but b.en goes on"


def test_squad():
    qa = {"id": "q", "question": "Who?", "answers": [{"text": "Romeo", "answer_start": 3}]}
    data = {"data": [{"title": "R", "paragraphs": [{"context": "So Romeo left.", "qas": [qa]}]}]}
    write("a.json", json.dumps(data))
    (row,) = rows(files="a.json", format="squad")
    assert row["answers"] == {"text": ["Romeo"], "answer_start": [3]} and row["context"] == "So Romeo left."
    qa["answers"][0]["answer_start"] = 4
    write("a.json", json.dumps(data))
    assert "data[0].paragraphs[0].qas[0]: answer 'Romeo' is not at character" in refused(files="a.json", format="squad")
    write("a.json", "[]")
    assert "not SQuAD's JSON" in refused(files="a.json", format="squad")


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl.gz", "a.csv", "a.parquet", "a.conll", "a.conllu"])
def test_a_file_that_changed_since_planning_is_refused(name):
    content = {
        "txt": b"words\n",
        "gz": gzip.compress(b'{"text": "a"}\n'),
        "csv": b"text\na\n",
        "conll": b"Romeo PER\n",
        "conllu": b"1\tRomeo" + b"\t_" * 8 + b"\n",
    }.get(name.rpartition(".")[2])
    if content is None:
        pandas.DataFrame({"text": ["a"]}).to_parquet(name)
        content = Path(name).read_bytes()
    write(name, content)
    source, planned = SourceConfig(files=name), {name: hashlib.sha256(content).hexdigest()}
    assert len(list(read_rows(source, planned))) == 1
    with pytest.raises(UserError, match="changed since this run was planned"):
        list(read_rows(source, {name: "0" * 64}))


def test_files_that_came_or_went_since_planning_are_refused():
    write("data/a.txt", "a")
    planned = {"data/a.txt": hashlib.sha256(b"a").hexdigest()}
    write("data/b.txt", "b")
    with pytest.raises(UserError, match="data/b.txt: is new since this run was planned"):
        list(read_rows(SourceConfig(files="data/*.txt"), planned))
    with pytest.raises(UserError, match="data/c.txt: has disappeared"):
        list(read_rows(SourceConfig(files="data/*.txt"), {**planned, "data/c.txt": "0" * 64}))


def test_a_stated_sum_is_checked_and_is_of_one_file():
    write("a.txt", "a")
    assert rows(files="a.txt", sha256=hashlib.sha256(b"a").hexdigest().upper())
    assert "but the recipe states 000" in refused(files="a.txt", sha256="0" * 64)
    write("b.txt", "b")
    assert "files names 2" in refused(files="*.txt", sha256="0" * 64)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_reading_is_streamed(name):
    """Rows come before the end of the file, which cannot be read, is reached."""
    good = b'{"text": "a few words"}\n' if name == "a.jsonl" else b"text\n" + b"a few words\n"
    write(name, good * 200_000 + b"\xff\n")
    stream = read_rows(SourceConfig(files=name))
    assert next(stream)["text"] == "a few words"
    with pytest.raises(UserError, match="is not utf-8"):
        list(stream)


def test_a_folder_that_cannot_be_read(checkout, monkeypatch):
    (checkout / "data" / "shut").mkdir()
    real = os.access  # for root every folder is open
    monkeypatch.setattr(os, "access", lambda path, mode: "shut" not in str(path) and real(path, mode))
    for files in ("data/shut/*.txt", "data/shut/a.txt", "data/shut/*/b.txt"):
        with pytest.raises(UserError, match="the folder data/shut cannot be read; fix its permissions"):
            source_paths(SourceConfig(files=files))


def test_the_file_of_a_row_is_a_column():
    write("data/a.csv", "x\n1\n")
    write("data/b.jsonl", '{"x": 2, "file": "its own"}\n')
    found = rows(files=["data/a.csv", "data/b.jsonl"])
    assert [column(row, "file") for row in found] == ["data/a.csv", "its own"]
    assert [dict(row) for row in found][0] == {"x": "1"}  # only where it is asked for
    (row,) = rows(python="builtins:str", arguments={"object": "text"})
    with pytest.raises(UserError, match="no column 'file'"):
        column(row, "file")
