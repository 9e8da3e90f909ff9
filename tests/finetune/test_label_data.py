"""Labels as data have them: ugly files in the style of real sets, and one clear line for what cannot be meant."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import datasets
import pytest
from pydantic import ValidationError

from snakelm.core.errors import UserError
from snakelm.finetune.data import load
from snakelm.recipe.loading import load as load_recipe
from snakelm.tasks.config import TaskConfig, task_types
from snakelm.tasks.labels import label_name


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(name: str, text: str) -> dict:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)
    return {"files": name}


def jsonl(name: str, rows: list[dict]) -> dict:
    return write(name, "".join(json.dumps(row) + "\n" for row in rows))


def task(**keys) -> TaskConfig:
    return task_types.validate({"type": "text_classification"} | keys)


def golds(data, *splits: str) -> dict[str, object]:
    """Text → gold, of all splits."""
    frames = [data.splits[split] for split in splits or data.splits]
    return {text: gold for frame in frames for text, gold in zip(frame["text"], frame["gold"], strict=True)}


# --- one name for one label -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ((1, 1.0, "1", "1.0", " 1.00 "), "1"),
        ((-1, "-1.0"), "-1"),
        ((0, 0.0, -0.0, "-0.0"), "0"),
        ((True, "true", "True", "TRUE "), "true"),
        ((False, "False"), "false"),
        ((1.5, "1.5"), "1.5"),
        (("01",), "01"),
        (("2.10",), "2.10"),
        (("1e3",), "1e3"),
        (("1.0.0",), "1.0.0"),
        ((" Ham",), "Ham"),
    ],
)
def test_one_label_has_one_name(values, name):
    assert {label_name(value) for value in values} == {name}


def test_train_and_test_may_write_a_label_in_different_ways():
    """pandas makes floats of a column of ints with a gap, and writes True for what JSON calls true."""
    train = write("train.csv", "text,label\n" + "".join(f"t {n},{n % 2}.0\n" for n in range(30)))
    test = jsonl("test.jsonl", [{"text": "a", "label": 1}, {"text": "b", "label": "0"}])
    data = load(task(train=train, test=test), None)
    assert data.labels == ["0", "1"] and data.splits["test"]["gold"].tolist() == ["1", "0"]
    train = write("train2.csv", "text,label\n" + "".join(f"t {n},{n % 2 == 0}\n" for n in range(30)))
    test = jsonl("test2.jsonl", [{"text": "a", "label": True}, {"text": "b", "label": False}])
    data = load(task(train=train, test=test, labels=["True", "False"]), None)
    assert data.labels == ["true", "false"] and data.splits["test"]["gold"].tolist() == ["true", "false"]
    mixed = jsonl("mixed.jsonl", [{"text": f"t {n}", "label": [True, 0][n % 2]} for n in range(30)])
    with pytest.raises(UserError, match=r"line 2: column label holds a number \('0'\), but true or false at .*line 1"):
        load(task(data=mixed), None)


# --- names for numbers ------------------------------------------------------------------------------------------


def test_names_for_numbers():
    source = write("sms.tsv", "".join(f"{n % 2}\ttext {n}\n" for n in range(40)))
    source |= {"header": False, "column_names": ["label", "text"]}
    data = load(task(data=source, label_names=["spam", "ham"]), None)
    assert data.labels == ["spam", "ham"]  # in the order of their numbers
    assert all(gold == ["spam", "ham"][int(text.split()[1]) % 2] for text, gold in golds(data).items())
    data = load(task(data=source, label_names={0: "spam", 1.0: "ham"}, labels=["ham", "spam"]), None)
    assert data.labels == ["ham", "spam"]
    with pytest.raises(UserError, match=r"sms\.tsv line 2: label '1' has no name in label_names, which names 0$"):
        load(task(data=source, label_names={0: "spam"}), None)


def test_several_numbers_may_have_one_name():
    """Sentiment140 has 0, 2 and 4; of stars 1 and 2 are bad."""
    source = jsonl("s.jsonl", [{"text": f"text {n}", "label": [0, 2, 4][n % 3]} for n in range(60)])
    data = load(task(data=source, label_names={0: "bad", 2: "bad", 4: "good"}), None)
    assert data.labels == ["bad", "good"] and golds(data)["text 1"] == "bad"
    source = jsonl("m.jsonl", [{"text": f"text {n}", "label": [[0, 2], [4], []][n % 3]} for n in range(60)])
    data = load(task(data=source, multi_label=True, label_names={0: "bad", 2: "bad", 4: "good"}), None)
    assert (golds(data)["text 0"], golds(data)["text 2"]) == (["bad"], [])


def test_names_for_numbered_tags():
    source = jsonl("d.jsonl", [{"words": ["a", "b"], "tags": [1, 0]}] * 20)
    data = load(task(type="token_classification", data=source, label_names=["O", "B-PER", "I-PER"]), None)
    assert data.labels == ["O", "B-PER", "I-PER"] and data.splits["test"]["gold"].iloc[0] == ["B-PER", "O"]


def test_a_data_sets_own_names_are_kept():
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["World", "Sports"]),
            "topics": datasets.Sequence(datasets.ClassLabel(names=["x", "y"])),
            "words": datasets.Sequence(datasets.Value("string")),
            "tags": datasets.Sequence(datasets.ClassLabel(names=["O", "B-PER"])),
            "nested": {"inner": [{"stars": datasets.ClassLabel(names=["1 star", "2 stars"])}]},
        }
    )
    row = {"words": ["a", "b"], "tags": [1, 0]}
    rows = [
        {"text": f"text {n}", "label": n % 2, "topics": [[0, 1], []][n % 2], "nested": {"inner": [{"stars": 1}]}} | row
        for n in range(40)
    ]
    datasets.Dataset.from_list(rows, features=features).to_parquet("d.parquet")
    source = {"files": "d.parquet"}
    data = load(task(data=source), None)
    assert data.labels == ["Sports", "World"] and golds(data)["text 0"] == "World"
    assert golds(load(task(data=source, label_column="topics", multi_label=True), None))["text 0"] == ["x", "y"]
    tagged = load(task(type="token_classification", data=source), None)
    assert tagged.splits["test"]["gold"].iloc[0] == ["B-PER", "O"]
    datasets.Dataset.from_list([*rows, rows[0] | {"label": -1}], features=features).to_parquet("kept.parquet")
    with pytest.raises(UserError, match=r"kept\.parquet row 41: column label is empty or NaN; give a label, or set"):
        load(task(data={"files": "kept.parquet"}), None)
    numbers = load(task(type="regression", data=source), None)  # in arithmetic they are numbers as before
    assert set(golds(numbers).values()) == {0.0, 1.0}
    Path("own_rows.py").write_text("import datasets\ndef d(): return datasets.Dataset.from_parquet('d.parquet')\n")
    assert load(task(data={"python": "own_rows:d"}), None).labels == ["Sports", "World"]


# --- a folder for each class ------------------------------------------------------------------------------------


def test_a_folder_for_each_class():
    """20 newsgroups: files without a suffix, not all of them UTF-8."""
    for number in range(40):
        group = ["rec.autos", "sci.space"][number % 2]
        write(f"20news/{group}/{number}", f"From: someone\n\ntext {number}\n")
    source = {"files": "20news/*/*", "format": "txt", "encoding": "latin-1"}
    data = load(task(data=source, label_from="folder"), None)
    assert data.labels == ["rec.autos", "sci.space"]
    assert golds(data)["From: someone\n\ntext 3\n"] == "sci.space"
    with zipfile.ZipFile("20news.zip", "w") as archive:
        for path in Path("20news").glob("*/*"):
            archive.write(path)
    packed = {"files": "20news.zip", "members": "*/*", "format": "txt", "encoding": "latin-1"}
    assert golds(load(task(data=packed, label_from="folder"), None)) == golds(data)
    flat = write("flat.csv", "text\na\nb\n")
    with pytest.raises(UserError, match=r"flat\.csv line 2: label_from: folder needs rows from files in a folder for"):
        load(task(data=flat, label_from="folder"), None)
    years = load(task(data=source | {"files": "20news/*/*"}, label_from="folder", label_names={"rec.autos": "cars",
                      "sci.space": "space"}), None)  # fmt: skip
    assert years.labels == ["cars", "space"]


def test_rows_of_one_file_stay_together():
    for number in range(20):
        write(f"books/{number}.csv", "text,label\n" + "".join(f"{number} {n},{'ab'[n % 2]}\n" for n in range(5)))
    splits = load(task(data={"files": "books/*.csv"}, group_column="file"), None).splits
    books = [{text.split()[0] for text in frame["text"]} for frame in splits.values()]
    assert sum(map(len, books)) == len(set.union(*books)) == 20


# --- several labels ---------------------------------------------------------------------------------------------


def intents(without: int = 2) -> list[dict]:
    """NLU++: the key `intents` is left out of rows that have none."""
    rows = [{"text": f"text {n}", "intents": ["ask", "card"][: n % 3]} for n in range(30)]
    return [{key: value for key, value in row.items() if value or key != "intents"} for row in rows]


def test_a_row_without_the_key_may_mean_none():
    keys = {"data": jsonl("nlu.jsonl", intents()), "multi_label": True, "label_column": "intents"}
    with pytest.raises(UserError, match=r"nlu\.jsonl line 1: no column 'intents'"):
        load(task(**keys), None)
    data = load(task(**keys, missing_labels="empty"), None)
    assert golds(data)["text 0"] == [] and len(golds(data)) == 30 and data.labels == ["ask", "card"]
    assert len(golds(load(task(**keys, missing_labels="drop"), None))) == 20
    with pytest.raises(UserError, match=r"no column 'intent'; did you mean intents\?"):
        load(task(**keys | {"label_column": "intent"}, missing_labels="empty"), None)
    cells = jsonl("c.jsonl", [{"text": f"t {n}", "label": [["a"], [], None, ""][n % 4]} for n in range(40)])
    for way in ("refuse", "empty", "drop"):  # what is said, is said
        assert len(golds(load(task(data=cells, multi_label=True, missing_labels=way), None))) == 40


def toxic(name: str, rows: list[str]) -> dict:
    return write(name, "id,text,toxic,obscene,threat\n" + "".join(f"{n},{row}\n" for n, row in enumerate(rows)))


def test_one_column_for_each_label():
    """Jigsaw: 0 and 1, and in its test −1 for comments that were not judged."""
    train = toxic("train.csv", [f"text {n},{n % 2},{[0.0, 'True'][n % 3 == 0]},false" for n in range(40)])
    test = toxic("test.csv", ["one,1,0,0", "two,-1,-1,-1", "three,0,1,1", "four,0,,0"])
    keys = {"train": train, "test": test, "label_columns": ["toxic", "obscene", "threat"]}
    with pytest.raises(
        UserError,
        match=r"test\.csv line 3: column toxic is -1; write 0 or 1, or set missing_labels: drop \(leave the row out\)",
    ):
        load(task(**keys), None)
    data = load(task(**keys, missing_labels="drop"), None)
    assert data.labels == ["toxic", "obscene", "threat"]
    assert data.splits["test"]["gold"].tolist() == [["toxic"], ["obscene", "threat"]]
    assert golds(data, "train", "validation")["text 3"] == ["obscene", "toxic"]
    with pytest.raises(UserError, match=r"line 3: column toxic is -1; write 0 or 1, .*drop \(leave the row out\)$"):
        load(task(**keys, missing_labels="empty"), None)
    test = toxic("test2.csv", ["one,1,0,0", "four,0,,0"])
    assert golds(load(task(**keys | {"test": test}, missing_labels="empty"), None), "test")["four"] == []
    for cell in ("2", "yes", "0.5"):
        bad = toxic("bad.csv", [f"text {n},0,1,{cell if n == 5 else 1}" for n in range(9)])
        with pytest.raises(UserError, match=rf"bad\.csv line 7: column threat holds '{cell}'; a column of label_col"):
            load(task(**keys | {"train": bad}), None)
    with pytest.raises(UserError, match=r"no column 'obscen'; did you mean obscene\?"):
        load(task(**keys | {"label_columns": ["toxic", "obscen"]}, missing_labels="drop"), None)


# --- what is wrong with the recipe ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"missing_labels": "empty"}, "missing_labels: empty is for several labels per row"),
        ({"missing_labels": "empty", "type": "regression"}, "missing_labels: empty is for several labels per row"),
        ({"label_names": ["a", "a"]}, "label_names has 'a' twice"),
        ({"label_names": ["a", "b"], "labels": ["a", "c"]}, "labels: 'c' is none of label_names"),
        ({"label_names": ["a", "b"], "bins": [0, 1, 2]}, "leave labels, label_names and multi_label out"),
        ({"label_columns": ["a", "a"]}, "label_columns has 'a' twice"),
        ({"label_columns": ["a", "b"], "labels": ["a", "b"]}, "label_columns name the labels: leave labels out"),
        ({"label_columns": ["a", "b"], "multi_label": False}, "leave multi_label, label_from and label_column out"),
        ({"label_from": "folder", "label_column": "x"}, "leave multi_label and label_column out"),
        ({"threshold": 0.3}, "threshold is of several labels per row"),
        ({"threshold": 1.0, "multi_label": True}, "less than 1"),
    ],
)
def test_recipe_is_refused(keys, message):
    with pytest.raises(ValidationError, match=message):
        task(data={"files": "d.csv"}, **keys)


def test_label_columns_make_several_labels():
    one = task(data={"files": "d.csv"}, label_columns=["a", "b"], grid={"threshold": [0.3, "tuned"]})
    assert one.multi_label and task(**one.model_dump()) == one
    assert [one.at(point).threshold for point in one.grid_points()] == [0.3, "tuned"]


def test_a_key_called_otherwise_is_told_by_its_name():
    tasks = {"k": {"type": "text_classification", "data": {"files": "d.csv"}, "multi_label": True, "missing": "empty"}}
    with pytest.raises(UserError, match=r"tasks\.k\.missing: is called missing_labels now; rename it"):
        load_recipe([], {"tasks": tasks}, "test")
