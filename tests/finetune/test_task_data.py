"""From files to the rows of a task: splits, samples, labels; and one clear line for whatever is wrong with them."""

from __future__ import annotations

import json
import logging
import random

import pandas
import pytest
from pydantic import ValidationError

from snakelm.core.errors import UserError
from snakelm.finetune.config import FinetuneConfig
from snakelm.finetune.data import load
from snakelm.tasks.config import TaskConfig, learning_curve, task_types


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging.getLogger("snakelm"), "propagate", True)
    caplog.set_level(logging.INFO, "snakelm")


def write(name: str, text: str | bytes) -> dict:
    with open(name, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    return {"files": name}


def table(name: str, rows: list[tuple], header: str = "text,label") -> dict:
    return write(name, header + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))


def jsonl(name: str, rows: list[dict]) -> dict:
    return write(name, "".join(json.dumps(row) + "\n" for row in rows))


def task(**keys) -> TaskConfig:
    return task_types.validate({"type": "text_classification"} | keys)


def texts(count: int, labels: str = "ab", start: int = 0) -> list[tuple[str, str]]:
    return [(f"text {number}", labels[number % len(labels)]) for number in range(start, start + count)]


# --- splits and samples ---------------------------------------------------------------------------------------


def test_made_splits_are_stratified_disjoint_and_stable():
    source = table("d.csv", [(f"text {n}", "rare" if n % 10 == 0 else "common") for n in range(200)])
    splits = load(task(data=source), None).splits
    assert {name: len(frame) for name, frame in splits.items()} == {"train": 144, "validation": 16, "test": 40}
    assert (splits["test"]["gold"] == "rare").sum() == 4 and (splits["validation"]["gold"] == "rare").sum() in (1, 2)
    rows = [set(frame["row"]) for frame in splits.values()]
    assert len(set.union(*rows)) == sum(map(len, rows)) == 200
    again = load(task(data=source, max_length=64), None).splits
    assert all(again[name]["row"].tolist() == frame["row"].tolist() for name, frame in splits.items())
    other = load(task(data=source, data_seed=1), None).splits
    assert other["test"]["row"].tolist() != splits["test"]["row"].tolist()


def test_groups_are_never_divided():
    source = table("d.csv", [(f"text {n}", "ab"[n % 2], f"author {n // 7}") for n in range(140)], "text,label,author")
    splits = load(task(data=source, group_column="author"), None).splits
    authors = [set(frame["row"] // 7) for frame in splits.values()]
    assert sum(map(len, authors)) == len(set.union(*authors)) == 20
    assert 21 <= len(splits["test"]) <= 31
    lopsided = [(f"text {n}", "ab"[n % 2], "giant" if n < 100 else f"author {n}") for n in range(140)]
    splits = load(task(data=table("e.csv", lopsided, "text,label,author"), group_column="author"), None).splits
    assert len(splits["test"]) in (28, 29, 30) and splits["test"]["row"].min() >= 100


def grouped(share: float = 0.3) -> list[tuple]:
    """60 groups of 1 to 12 rows, each nearly all of one label."""
    draw = random.Random(5)
    rows = []
    for group in range(60):
        mostly = "rare" if draw.random() < share else "common"
        for _ in range(draw.randint(1, 12)):
            other = {"rare": "common", "common": "rare"}[mostly]
            rows.append((f"text {len(rows)}", mostly if draw.random() < 0.9 else other, group))
    return rows


@pytest.mark.parametrize("seed", range(5))
def test_groups_and_labels_together(seed):
    """As even as the groups allow: every seed near the whole's shares, which chance alone is not."""
    rows = grouped()
    source = table("d.csv", rows, "text,label,author")
    keys = {"data": source, "group_column": "author", "data_seed": seed, "validation_fraction": 0.15}
    splits = load(task(**keys), None).splits
    groups = [set(frame["group"]) for frame in splits.values()]
    assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]
    share = sum(label == "rare" for _, label, _ in rows) / len(rows)
    assert len(splits["test"]) == pytest.approx(0.2 * len(rows), abs=4)
    for split in ("validation", "test"):
        assert (splits[split]["gold"] == "rare").mean() == pytest.approx(share, abs=0.04)
    others = [load(task(**keys | {"data_seed": seed + 10, "stratify": on}), None).splits for on in (True, False)]
    assert set(others[0]["test"]["group"]) not in ({}, groups[2])
    assert len(others[1]["test"]) == pytest.approx(0.2 * len(rows), abs=4)


def test_a_group_too_large_for_the_test_stays_in_training():
    rows = [(f"text {n}", "ab"[n % 2], 0 if n < 90 else n) for n in range(100)]
    keys = {"group_column": "author", "validation_fraction": 0}
    splits = load(task(data=table("d.csv", rows, "text,label,author"), **keys), None).splits
    assert len(splits["test"]) == 10 and (splits["train"]["group"] == "0").all()


@pytest.mark.parametrize("grouped_by", [{}, {"group_column": "author"}])
@pytest.mark.parametrize("stratify", [True, False])
def test_a_made_split_never_takes_the_last_row_of_a_label(grouped_by, stratify):
    rows = [(f"text {n}", f"rare {n}" if n % 4 == 0 else "common", n // 2) for n in range(60)]
    source = table("d.csv", rows, "text,label,author")
    for seed in range(5):
        splits = load(task(data=source, data_seed=seed, stratify=stratify, **grouped_by), None).splits
        assert len(set(splits["train"]["gold"])) == 16 and len(splits["test"]) >= 1
    several = jsonl("d.jsonl", [{"text": f"t {n}", "label": ["x", f"y{n // 3}"]} for n in range(30)])
    splits = load(task(data=several, multi_label=True, test_fraction=0.5), None).splits
    assert len({label for gold in splits["train"]["gold"] for label in gold}) == 11


@pytest.mark.parametrize(
    ("rows", "keys", "message"),
    [
        ([("t", "a", 1)], {}, "test: of 1 rows none can be held out; give test a source of its own"),
        ([("t", "a", 1), ("u", "b", 1)], {}, "test: of 2 rows none can be held out while training keeps each label"),
        ([(f"t {n}", "ab"[n % 2], 1) for n in range(9)], {"group_column": "author"}, r"of 9 rows \(groups: 1\) none"),
        (
            [(f"t {n}", "ab"[n % 2], n % 2) for n in range(9)],
            {"group_column": "author", "stratify": False, "label_column": "text"},
            r"test: of 9 rows \(groups: 2\) none",
        ),
        ([("t", "a", " ")] * 9, {"group_column": "author"}, r"line 2: column author is empty, so its group is unknown"),
        ([], {}, r"train: d\.csv has no rows"),
    ],
)
def test_one_line_where_no_split_can_be_made(rows, keys, message):
    with pytest.raises(UserError, match=message):
        load(task(data=table("d.csv", rows, "text,label,author"), **keys), None)


def test_groups_matter_only_where_splits_are_made():
    train = table("d.csv", [(f"text {n}", "ab"[n % 2], n) for n in range(30)], "text,label,author")
    splits = load(task(train=train, test=table("t.csv", texts(4)), group_column="author"), None).splits
    assert len(splits["test"]) == 4 and "group" not in splits["test"]


def test_samples_are_nested_and_the_test_is_the_same():
    source = table("d.csv", texts(400))
    curve = learning_curve("t", task(data=source, max_train_rows=[50, 100, 200]))
    assert list(curve) == ["t-50", "t-100", "t-200"]
    loaded = [load(one, None).splits for one in curve.values()]
    small, middle, large = (set(splits["train"]["row"]) for splits in loaded)
    assert (len(small), len(middle), len(large)) == (50, 100, 200) and small < middle < large
    assert loaded[0]["test"].equals(loaded[2]["test"])


def test_paragraphs_of_a_corpus_keep_their_documents_split(tmp_path):
    def document(year: int) -> dict:
        return {"text": "\n\n".join(f"paragraph {n} of the year {year}" for n in range(4)) + "\n\nshort", "year": year}

    for split, years in (("train", range(1800, 1840)), ("test", range(1840, 1850))):
        pandas.DataFrame([document(year) for year in years]).to_parquet(f"{split}.parquet")
    config = task(
        corpus="sotu", unit="paragraph", min_chars=10, label_column="year", bins=[1800, 1820, 1850], max_test_rows=20
    )
    data = load(config, tmp_path)
    assert data.labels == ["1800-1820", "1820-1850"]
    assert len(data.splits["train"]) + len(data.splits["validation"]) == 160 and len(data.splits["test"]) == 20
    years = {name: {text.split()[-1] for text in frame["text"]} for name, frame in data.splits.items()}
    assert not years["train"] & years["validation"] and not years["train"] & years["test"]
    assert data.splits["test"]["gold"].unique().tolist() == ["1820-1850"]


# --- formats --------------------------------------------------------------------------------------------------


def test_byte_order_mark_and_crlf():
    source = write(
        "d.csv",
        b"\xef\xbb\xbftext,label\r\n" + b"".join(b"some text %d,%s\r\n" % (n, b"ab"[n % 2 :][:1]) for n in range(40)),
    )
    data = load(task(data=source), None)
    assert data.labels == ["a", "b"] and not data.splits["train"]["text"].str.contains("\r").any()
    assert data.splits["train"]["gold"].isin(["a", "b"]).all()


def test_tsv_without_header_and_numeric_labels():
    source = write("d.tsv", "".join(f"{n % 12}\ttext {n}\n" for n in range(120)))
    source |= {"header": False, "column_names": ["label", "text"]}
    assert load(task(data=source), None).labels == [str(n) for n in range(12)]  # by value, not by letter


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_several_labels_from_lists_and_text(suffix):
    rows = [{"text": f"text {n}", "label": [["a", "b"], ["c"], []][n % 3]} for n in range(60)]
    source = jsonl("d.jsonl", rows)
    if suffix == "parquet":
        pandas.DataFrame(rows).to_parquet("d.parquet")
        source = {"files": "d.parquet"}
    data = load(task(data=source, multi_label=True), None)
    assert data.labels == ["a", "b", "c"] and [] in data.splits["train"]["gold"].tolist()


def test_conll_iob1_becomes_iob2():
    lines = ["EU I-ORG", "rejects O", "German I-MISC", "British B-MISC", "Peter I-PER", "Blackburn I-PER", ""]
    source = write("d.conll", "\n".join(lines * 12))
    data = load(task(type="token_classification", data=source), None)
    assert data.splits["train"]["gold"].iloc[0] == ["B-ORG", "O", "B-MISC", "B-MISC", "B-PER", "I-PER"]
    assert data.labels == ["O", "B-MISC", "I-MISC", "B-ORG", "I-ORG", "B-PER", "I-PER"]


def test_conllu_parts_of_speech_with_multiword_tokens():
    lines = [("1-2", "du", "_"), ("1", "de", "ADP"), ("2", "le", "DET"), ("2.1", "x", "X")]
    sentence = "".join(f"{number}\t{word}\t_\t{upos}" + "\t_" * 6 + "\n" for number, word, upos in lines) + "\n"
    source = write("d.conllu", sentence * 20) | {"tag_column": "upos"}
    data = load(task(type="token_classification", data=source), None)
    assert data.labels == ["ADP", "DET"] and data.splits["test"]["words"].iloc[0] == ["de", "le"]


def test_choices_by_letter_column_and_text():
    rows = [{"question": "q", "A": "x", "B": "y", "label": ["A", 1, "x"][n % 3]} for n in range(30)]
    data = load(task(type="multiple_choice", data=jsonl("d.jsonl", rows), choices=["A", "B"]), None)
    by_row = dict(zip(data.splits["train"]["row"], data.splits["train"]["gold"], strict=True))
    assert all(by_row[row] == [0, 1, 0][row % 3] for row in by_row)


# --- what is wrong with the data ------------------------------------------------------------------------------

LABELS = [*texts(30), ("odd one", "")]


@pytest.mark.parametrize(
    ("rows", "keys", "message"),
    [
        (LABELS, {}, r"d\.csv line 32: column label is empty"),
        ([*texts(30), ("odd", "nan")], {"type": "regression"}, r"line 2: column label must hold a number, found 'a'"),
        ([(f"t {n}", n) for n in range(30)] + [("odd", "nan")], {"type": "regression"}, r"line 32.*finite"),
        ([*texts(30), ("  ", "a")], {}, r"line 32: column text is empty"),
        (texts(30, "a"), {}, r"all rows have one label, 'a'"),
        (texts(30), {"label_column": "lable"}, r"no column 'lable'; did you mean label\?"),
        (texts(30), {"labels": ["a", "c"]}, r"label 'b' of the train split"),
        ([("t", 1700), *[(f"t {n}", 1800 + n) for n in range(30)]], {"bins": [1800, 1810, 1900]}, r"line 2: 1700 lies"),
        (texts(30), {"min_chars": 1000}, r"no row is left of 30"),
    ],
)  # fmt: skip
def test_one_line_for_bad_tables(rows, keys, message):
    with pytest.raises(UserError, match=message) as error:
        load(task(data=table("d.csv", rows), **keys), None)
    assert len(error.value.lines) == 1 and "\n" not in str(error.value)


def test_rows_can_be_dropped_instead(caplog):
    rows = [*texts(40), ("odd", ""), ("", "a")]
    data = load(task(data=table("d.csv", rows), missing_labels="drop", empty_texts="drop"), None)
    assert sum(map(len, data.splits.values())) == 40
    assert "dropped 1 rows without a label and 1 with an empty text of 42" in caplog.text


def test_a_json_row_without_the_key_has_no_label():
    rows = [{"text": f"text {n}", "label": "ab"[n % 2]} for n in range(40)] + [{"text": "odd"}]
    with pytest.raises(UserError, match=r"d\.jsonl line 41: no column 'label'"):
        load(task(data=jsonl("d.jsonl", rows)), None)
    data = load(task(data=jsonl("d.jsonl", rows), missing_labels="drop"), None)
    assert sum(map(len, data.splits.values())) == 40
    with pytest.raises(UserError, match=r"no column 'lable'; did you mean label\?"):
        load(task(data=jsonl("d.jsonl", rows), missing_labels="drop", label_column="lable"), None)


def test_unseen_labels_may_count_as_errors(caplog):
    train, test = table("train.csv", texts(30)), table("test.csv", [*texts(5, start=50), ("odd", "z"), ("odder", "z")])
    with pytest.raises(UserError, match="set unseen_labels: count to score such labels as errors"):
        load(task(train=train, test=test), None)
    data = load(task(train=train, test=test, unseen_labels="count"), None)
    assert data.labels == ["a", "b"] and data.splits["test"]["gold"].tolist()[-2:] == ["z", "z"]
    assert "test: 2 labels that training does not have count as errors (first: 'z', test.csv line 7)" in caplog.text
    with pytest.raises(UserError, match="label 'b' of the train split does not occur in labels"):
        load(task(train=train, test=test, unseen_labels="count", labels=["a", "z"]), None)


def test_label_unseen_in_training():
    train, test = table("train.csv", texts(30)), table("test.csv", [*texts(5, start=50), ("odd", "z"), ("odder", "z")])
    with pytest.raises(
        UserError, match=r"test\.csv line 7: label 'z' of the test split does not occur in training \(2 such"
    ):
        load(task(train=train, test=test), None)
    assert load(task(train=train, test=test, labels=["a", "b", "z"]), None).labels == ["a", "b", "z"]


def test_mixed_types_in_a_column():
    rows = [{"text": f"text {n}", "label": n % 2} for n in range(30)] + [{"text": "odd", "label": "one"}]
    with pytest.raises(UserError, match=r"line 31: column label holds text \('one'\), but a number at .*line 1"):
        load(task(data=jsonl("d.jsonl", rows)), None)
    rows[30] = {"text": 7, "label": 1}
    with pytest.raises(UserError, match=r"line 31: column text must hold text, found int '7'"):
        load(task(data=jsonl("d.jsonl", rows)), None)


def test_half_a_character():
    source = write("d.jsonl", "".join(json.dumps({"text": f"text {n}", "label": n % 2}) + "\n" for n in range(9)))
    with open("d.jsonl", "a") as file:
        file.write('{"text": "cut off \\ud83d", "label": 1}\n')
    with pytest.raises(UserError, match=r"line 10: column text holds half a character at 8"):
        load(task(data=source), None)


@pytest.mark.parametrize(
    ("row", "keys", "message"),
    [
        ({"label": {"x": 1}}, {"multi_label": True}, "must hold a list of labels, or text, found an object"),
        ({"label": [["x"]]}, {"multi_label": True}, "holds a list or an object"),
        ({"label": "nan"}, {}, "column label is empty or NaN"),
        ({"label": 10**400}, {"type": "regression"}, "column label must hold a number, found 1000"),
        ({"words": ["a", None], "tags": ["x", "y"]}, {"type": "token_classification"}, "word 2 is empty"),
        ({"words": ["a", "b"], "tags": ["x", None]}, {"type": "token_classification"}, "tag 2 is empty"),
        ({"words": {"a": 1}, "tags": ["x"]}, {"type": "token_classification"}, "words must hold a list, found dict"),
        ({"answers": 5}, {"type": "question_answering"}, "answers must hold text, found int"),
        ({"answers": {"x": 5}}, {"type": "question_answering"}, "must hold the answers' texts under text"),
        (
            {"answers": "a", "s": "x"},
            {"type": "question_answering", "answer_start_column": "s"},
            "the offset of an answer must be a number, found 'x'",
        ),
        ({"choices": 5, "label": 0}, {"type": "multiple_choice"}, "needs a list of at least two choices"),
        ({"choices": ["a", None], "label": 0}, {"type": "multiple_choice"}, "choice 2 is empty"),
        ({"choices": ["1", "2"], "label": "1"}, {"type": "multiple_choice"}, "'1' may be a choice or the number of"),
    ],
)
def test_one_line_for_cells_of_a_wrong_kind(row, keys, message):
    source = jsonl("d.jsonl", [{"text": "t", "question": "q", "context": "a b"} | row] * 9)
    with pytest.raises(UserError, match=rf"^d\.jsonl line 1: .*{message}"):
        load(task(data=source, **keys), None)


def test_dates_are_no_labels():
    pandas.DataFrame({"text": ["a", "b"], "label": pandas.to_datetime(["2020-01-01"] * 2)}).to_parquet("d.parquet")
    with pytest.raises(UserError, match=r"d\.parquet row 1: column label holds a datetime"):
        load(task(data={"files": "d.parquet"}), None)


def test_lists_that_a_table_holds_as_text():
    """What pandas makes of columns of lists in a CSV file."""
    frame = pandas.DataFrame(
        {"words": [["a", "it's, b"]] * 20, "tags": [["B-X", "O"]] * 20, "label": [["u", "v"]] * 20}
    )
    frame.assign(text=[f"[aside] {n}" for n in range(20)]).to_csv("d.csv", index=False)
    data = load(task(type="token_classification", data={"files": "d.csv"}), None)
    assert data.splits["test"]["words"].iloc[0] == ["a", "it's, b"] and data.labels == ["O", "B-X", "I-X"]
    data = load(task(data={"files": "d.csv"}, multi_label=True), None)
    assert data.labels == ["u", "v"] and data.splits["test"]["text"].iloc[0].startswith("[aside]")


def test_columns_inside_columns():
    rows = [{"translation": {"de": f"Wort {n}", "en": f"word {n}"}, "a.b": "x"} for n in range(20)]
    keys = {"type": "translation", "data": jsonl("d.jsonl", rows), "source_column": "translation.de"}
    frame = load(task(**keys, target_column="translation.en"), None).splits["test"]
    assert frame["text"].iloc[0].replace("Wort", "word") == frame["gold"].iloc[0]
    assert load(task(**keys, target_column="a.b"), None).splits["test"]["gold"].iloc[0] == "x"
    with pytest.raises(UserError, match="line 1: no column 'translation.fr'; did you mean translation"):
        load(task(**keys, target_column="translation.fr"), None)


def test_answers_without_text_are_none():
    rows = [{"question": "q", "context": "a b", "answers": {"text": ["", "b"], "answer_start": [0, 2]}}] * 9
    rows += [{"question": "q", "context": "a b", "answers": [" "]}] * 9
    frame = load(task(type="question_answering", data=jsonl("d.jsonl", rows)), None).splits["train"]
    assert {json.dumps(gold) for gold in frame["gold"]} == {'["b"]', "[]"}


def test_choices_with_names_of_their_own():
    """ARC has questions whose choices are called 1 to 4: '1' is the first, not the second."""
    choices = {"text": ["x", "y", "z"], "label": ["1", "2", "3"]}
    rows = [{"question": f"q {n}", "choices": choices, "answerKey": str(1 + n % 3)} for n in range(30)]
    keys = {"type": "multiple_choice", "label_column": "answerKey", "data": jsonl("d.jsonl", rows)}
    splits = load(task(**keys), None).splits
    assert all(f["gold"].tolist() == [int(text.split()[1]) % 3 for text in f["text"]] for f in splits.values())


def test_labels_are_named_as_in_the_data():
    rows = [(f"text {n}", n % 2) for n in range(20)]
    keys = {"labels": [1, 0.0], "class_weights": {0: 2.0, "1 ": 1}}
    data = load(task(data=table("d.csv", rows), **keys), None)
    assert data.labels == ["1", "0"]
    with pytest.raises(ValidationError, match="write this label in quotes: YAML reads yes"):
        task(**DATA, labels=[True, False])
    with pytest.raises(UserError, match="label '0' of the train split does not occur in labels"):
        load(task(data=table("d.csv", rows), labels=["1", "2"]), None)


def test_several_labels_of_which_there_are_none():
    rows = [{"text": f"text {n}", "label": []} for n in range(30)]
    with pytest.raises(UserError, match="no row has a label; a classification needs at least one"):
        load(task(data=jsonl("d.jsonl", rows), multi_label=True), None)


def test_duplicates_across_splits_are_counted_or_dropped(caplog):
    train, test = table("train.csv", texts(40)), table("test.csv", [*texts(3), *texts(7, start=100)])
    data = load(task(train=train, test=test), None)
    held = len(set(data.splits["train"]["row"]) & {0, 1, 2})
    assert data.duplicates["test"] == held > 0 and f"test: {held} of 10 rows also stand in training" in caplog.text
    dropped = load(task(train=train, test=test, duplicates="drop"), None).splits["train"]
    assert not set(dropped["row"]) & {0, 1, 2}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"words": ["a", "b"], "tags": ["X"]}], r"d\.jsonl line 1: 2 words but 1 tags"),
        ([{"words": ["a", " "], "tags": ["X", "Y"]}], r"line 1: word 2 is empty"),
        ([{"words": "a b", "tags": "B-X I-Y"}, {"words": "c", "tags": "U-X"}], r"'U-X' of word 1 is none"),
    ],
)  # fmt: skip
def test_one_line_for_bad_tags(rows, message):
    with pytest.raises(UserError, match=message):
        load(task(type="token_classification", data=jsonl("d.jsonl", rows * 10)), None)


def test_tags_in_an_invalid_order_are_repaired_and_counted(caplog):
    """One tag too many of the other scheme is no reason to change scheme: it is read as conlleval reads it."""
    keys = {"type": "token_classification"}
    good = [{"words": ["a", "b", "c"], "tags": ["B-X", "I-X", "O"]}] * 20
    source = jsonl("d.jsonl", [*good, {"words": "a b c", "tags": "O I-X I-Y"}])
    with pytest.raises(
        UserError, match=r"line 21: tag 'I-X' of word 2 follows 'O'; in IOB2 .*leave tag_scheme: strict"
    ):
        load(task(**keys, data=source, tag_scheme="strict"), None)
    golds = [gold for frame in load(task(**keys, data=source), None).splits.values() for gold in frame["gold"]]
    assert golds.count(["B-X", "I-X", "O"]) == 20 and ["O", "B-X", "B-Y"] in golds
    assert (
        "2 invalid tags are read as conlleval and seqeval read them (first: d.jsonl line 21: tag 'I-X'" in caplog.text
    )
    iob1 = [{"words": ["a", "b", "c"], "tags": ["I-X", "B-X", "O"]}] * 20
    with pytest.raises(UserError, match=r"line 21: tag 'B-X' of word 2 follows 'O'; in IOB1"):
        source = jsonl("e.jsonl", [*iob1, {"words": "a b", "tags": "O B-X"}])
        load(task(**keys, data=source, tag_scheme="strict"), None)
    splits = load(task(**keys, data=source), None).splits
    assert splits["test"]["gold"].iloc[0] == ["B-X", "B-X", "O"]


@pytest.mark.parametrize(("tags", "metric"), [("A B", "f1"), ("A B", "recall"), ("B-X O", "f1_macro")])
def test_a_metric_that_the_tags_do_not_have_is_refused_before_training(tags, metric):
    source = jsonl("d.jsonl", [{"words": "a b", "tags": tags}] * 20)
    with pytest.raises(UserError, match=f"metric {metric} is not computed here"):
        load(task(type="token_classification", data=source, metric=metric), None)


def test_tags_outside_a_scheme_asked_for():
    rows = [{"words": ["a", "b"], "tags": ["O", "I-X"]}] * 10
    frames = load(task(type="token_classification", data=jsonl("d.jsonl", rows), tag_scheme="iob2"), None).splits
    assert frames["test"]["gold"].tolist() == [["O", "B-X"]] * 2
    rows = [{"words": ["a", "b"], "tags": ["O", "S-X"]}] * 10
    with pytest.raises(UserError, match=r"line 1: tag 'S-X' of word 2 is none of IOB2; tag_scheme: none"):
        load(task(type="token_classification", data=jsonl("e.jsonl", rows), tag_scheme="iob2"), None)


def test_malformed_conllu_names_the_line():
    source = write("d.conllu", "1\tde\tde\tADP\t_\t_\t_\t_\t_\t_\n2\tle\tDET\n\n")
    with pytest.raises(UserError, match=r"d\.conllu line 2"):
        load(task(type="token_classification", data=source | {"tag_column": "upos"}), None)


def test_answer_not_at_its_offset():
    question = {"id": "1", "question": "who?", "answers": [{"text": "Ada", "answer_start": 2}]}
    squad = {"data": [{"title": "t", "paragraphs": [{"context": "It was Ada.", "qas": [question]}]}]}
    source = write("d.json", json.dumps(squad)) | {"format": "squad"}
    with pytest.raises(UserError, match=r"d\.json .*'Ada'"):
        load(task(type="question_answering", data=source), None)
    rows = [{"question": "q", "context": "It was Ada.", "answers": "Eve"}]
    with pytest.raises(UserError, match=r"line 1: the answer 'Eve' is not in the context"):
        load(task(type="question_answering", data=jsonl("d.jsonl", rows * 3)), None)


# --- what is wrong with the recipe ----------------------------------------------------------------------------

DATA = {"data": {"files": "d.csv"}}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "needs exactly one of corpus, data or train, got none"),
        ({"train": {"files": "a.csv"}}, "no test"),
        ({**DATA, "corpus": "c"}, "got corpus and data"),
        (
            {**DATA, "words_column": "w"},
            "words_column\n  Extra inputs are not permitted",
        ),
        ({**DATA, "metric": "acuracy"}, r"did you mean accuracy\?"),
        ({**DATA, "bins": [1, 3, 2]}, "bins must rise"),
        ({**DATA, "bins": [1, 2, 3], "bin_names": ["a"]}, "needs 2 names"),
        ({**DATA, "labels": ["a", "a"]}, "'a' twice"),
        ({**DATA, "grid": {"lerning_rate": [1]}}, r"did you mean learning_rate\?"),
        ({**DATA, "grid": {"learning_rate": [-1.0]}}, "greater than 0"),
        ({**DATA, "grid": {"micro_batch_size": [1]}}, "not a training key"),
        ({**DATA, "grid": {"beams": [1, 2]}}, "grid: beams means nothing for text_classification"),
        ({**DATA, "grid": {"freeze": [0]}}, "grid: freeze: 0 "),
        ({**DATA, "gpus": 2}, "one device, not on 2"),
        ({**DATA, "metric": "f1_micro"}, "metric f1_micro is of several labels per row; take accuracy, f1_macro, mcc"),
        ({**DATA, "metric": "mcc", "multi_label": True}, "metric mcc is of one label per row; take f1_micro"),
        ({**DATA, "patience": 2, "keep": "last"}, "leave keep: last out"),
        ({**DATA, "patience": 2, "validation_fraction": 0}, "need validation rows"),
        ({**DATA, "grid": {"epochs": [1, 2]}, "validation_fraction": 0}, "need validation rows"),
        ({**DATA, "max_train_rows": [5, 5]}, "twice"),
        ({**DATA, "unit": "paragraph"}, "is for a corpus"),
    ],
)
def test_recipe_is_refused(keys, message):
    with pytest.raises(ValidationError, match=message):
        task(**keys)


def test_combinations_that_cannot_work():
    translation = task(type="translation", **DATA)
    assert "needs a model that writes text" in translation.check_model("bert", "encoder")[0]
    assert translation.check_model("gpt2", "decoder") == translation.check_model("t5", "encoder-decoder") == []
    language = task(type="language_modeling", **DATA)
    assert "needs an encoder or a decoder" in language.check_model("t5", "encoder-decoder")[0]
    positions = task(**DATA, max_length=128).check_model("bert", "encoder", 64)
    assert positions == ["max_length (128) is longer than the model's positions (64)"]
    assert "leaves no room for a source" in translation.check_model("gpt2", "decoder", 64)[0]
    assert translation.check_model("t5", "encoder-decoder", 64) == translation.check_model("gpt2", "decoder", 128) == []
    grid = task(**DATA, grid={"max_length": [32, 128], "pooling": ["mean", "first"]})
    assert [line.partition(" ")[0] for line in grid.check_model("gpt2", "decoder", 64)] == ["pooling:", "max_length"]


def test_baselines_are_those_of_the_type():
    translation, regression = task(type="translation", **DATA), task(type="regression", **DATA)
    assert regression.check_baseline("tfidf") == []
    assert translation.check_baseline("majority") == [
        "the baseline majority does not exist for translation; it has none"
    ]
    with pytest.raises(
        ValidationError, match="the baseline tfid does not exist for regression; it has majority, tfidf"
    ):
        FinetuneConfig(task=regression, baseline="tfid")
    assert FinetuneConfig(task=regression, baseline="tfidf").label == "tfidf"
    assert FinetuneConfig(task=regression, init="a/b").label == "a/b"


def test_a_resolved_config_is_the_same_config():
    one = task(**DATA, grid={"learning_rate": [1e-4, 1e-3], "epochs": [1]})
    assert task(**one.model_dump()) == one
    assert one.grid_points() == [{"learning_rate": 1e-4, "epochs": 1}, {"learning_rate": 1e-3, "epochs": 1}]
    assert one.at(one.grid_points()[1]).learning_rate == 1e-3
