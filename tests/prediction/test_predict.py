"""New rows through a finished fine-tuning: the same answers as in its test, in the file's own format and others."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas
import pytest

from snakelm.core.errors import UserError
from snakelm.finetune.config import FinetuneConfig
from snakelm.prediction import predict as predicting
from snakelm.prediction.predict import predict_file
from tests.finetune.lab import WORDS, sentences


def random_words(draw: random.Random, count: int) -> str:
    return " ".join(draw.choices(WORDS, k=count))


def rows_of(type_: str, count: int, seed: int) -> list[dict[str, Any]]:
    """Labelled rows of a task type."""
    draw, rows = random.Random(seed), []
    for number in range(count):
        text = random_words(draw, draw.randint(3, 30))
        word = draw.choice(text.split())
        rows.append(
            {
                "text_classification": {"text": text, "label": draw.choice("ab")},
                "regression": {"text": text, "label": 1800 + len(text)},
                "token_classification": {"words": text.split(), "tags": [one[0].upper() for one in text.split()]},
                "question_answering": {
                    "id": f"q{number}",
                    "question": "who",
                    "context": text,
                    "answers": {"text": [word], "answer_start": [text.index(word)]} if number % 4 else {"text": []},
                },
                "multiple_choice": {"question": text, "choices": ["a", "the", "one"], "label": number % 3},
                "translation": {"source": text, "target": word},
                "summarization": {"source": text, "target": word},
                "language_modeling": {"text": text},
                "minimal_pairs": {"sentence_good": text, "sentence_bad": random_words(draw, 5)},
            }[type_]
        )
    return rows


def write(name: str, rows: list[dict[str, Any]]) -> dict[str, str]:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"files": name}


LABELS = {"label", "tags", "answers", "target"}
CASES = [
    ("text_classification", "bert", {}),
    ("text_classification", "gpt2", {"pooling": "mean"}),
    ("text_classification", "bert", {"class_weights": "balanced"}),
    ("text_classification", "bert", {"multi_label": True}),
    ("text_classification", "bert", {"grid": {"max_length": [8, 16]}}),
    ("regression", "bert", {}),
    ("regression", "gpt2", {}),
    ("regression", "gpt2", {"pooling": "mean"}),
    ("token_classification", "bert", {}),
    ("question_answering", "bert", {}),
    ("question_answering", "gpt2", {}),
    ("multiple_choice", "bert", {}),
    ("translation", "t5", {"max_target_length": 4}),
    ("summarization", "gpt2", {"max_target_length": 4}),
    ("language_modeling", "gpt2", {}),
    ("minimal_pairs", "bert", {}),
]


@pytest.mark.parametrize(("type_", "model", "keys"), CASES)
def test_new_rows_get_the_answers_of_the_test(run_task, monkeypatch, type_, model, keys):
    """In batches of other sizes, read from another file and without labels."""
    monkeypatch.setattr(predicting, "ROWS", 7)
    test = rows_of(type_, 20, 2)
    task = {"type": type_, "test": write("test.jsonl", test), **keys}
    if type_ != "minimal_pairs":
        task |= {"train": write("train.jsonl", rows_of(type_, 40, 1)), "steps": 6, "learning_rate": 5e-3}
    folder, _ = run_task(task, model)
    run: Any = SimpleNamespace(folder=folder, typed=lambda: FinetuneConfig(task=task))
    new = [{name: cell for name, cell in row.items() if name not in LABELS} | {"other": 1} for row in test]
    write("new.jsonl", new)
    predict_file(run, "new.jsonl", Path("out.jsonl"))
    found = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [{name: row[name] for name in new[0]} for row in found] == new
    table = pandas.read_parquet(folder / "predictions.parquet")
    added = [name for name in found[0] if name not in new[0]]
    assert "gold" not in added and added and set(added) <= set(table.columns)
    if type_ not in ("language_modeling", "minimal_pairs"):
        assert added[0] == "prediction"
    for name in added:
        for ours, there in zip(found, table[name], strict=True):
            assert nearly(ours[name], there.tolist() if hasattr(there, "tolist") else there), name


def nearly(one: Any, other: Any) -> bool:
    """Equal but for the last digits, which the make-up of batches changes."""
    if isinstance(one, list):
        return len(one) == len(other) and all(nearly(*pair) for pair in zip(one, other, strict=True))
    return bool(one == other if isinstance(one, str) else one == pytest.approx(other, rel=1e-3, abs=1e-4))


@pytest.fixture
def run(run_task, write_csv) -> Any:
    """A classification of texts that has learnt something, and its rows."""
    task = {"type": "text_classification", "learning_rate": 5e-3, "epochs": 6, "batch_size": 16, "min_chars": 5}
    task["train"] = write_csv("train.csv", ["text", "label"], sentences(200, 1))
    task["test"] = write_csv("test.csv", ["text", "label"], sentences(20, 2))
    folder, _ = run_task(task, "bert")
    return SimpleNamespace(folder=folder, typed=lambda: FinetuneConfig(task=task))


TEXTS = sentences(12, 3)


def right(predictions: list[str]) -> bool:
    return sum(a == b for a, (_, b) in zip(predictions, TEXTS, strict=True)) >= 11


def test_every_format_keeps_its_columns(run, tmp_path, monkeypatch, capsysbinary):
    records = [{"id": str(number), "text": text, "note": 'a, "b"'} for number, (text, _) in enumerate(TEXTS)]
    frame = pandas.DataFrame(records)
    chances = ["p(bad)", "p(good)"]
    columns = ["id", "text", "note", "prediction", "score", *chances]

    frame.to_csv("new.csv", index=False)
    predict_file(run, "new.csv", Path("out.csv"))
    found = pandas.read_csv("out.csv", dtype={"id": str})
    assert list(found) == columns and found[["id", "text", "note"]].equals(frame) and right(list(found["prediction"]))
    assert found["score"].between(0.5, 1).all()

    frame.to_csv("new.tsv", index=False, sep="\t", quoting=csv.QUOTE_NONE, quotechar=None)
    predict_file(run, "new.tsv", Path("out.tsv"))
    lines = [line.split("\t") for line in Path("out.tsv").read_text().splitlines()]
    assert lines[0] == columns and lines[1][:3] == list(records[0].values()) and right([line[3] for line in lines[1:]])

    frame.to_csv("new.csv.gz", index=False)
    predict_file(run, "new.csv.gz", Path("out.csv.gz"))
    assert gzip.decompress(Path("out.csv.gz").read_bytes()) == Path("out.csv").read_bytes()

    frame.assign(id=frame["id"].astype("int8"), none=None).to_parquet("new.parquet")
    predict_file(run, "new.parquet", Path("out.parquet"))
    table = pandas.read_parquet("out.parquet")
    assert table["id"].dtype == "int8" and list(table) == [
        "id",
        "text",
        "note",
        "none",
        "prediction",
        "score",
        *chances,
    ]

    frame.to_json("new.json", orient="records")
    predict_file(run, "new.json", Path("out.json"))
    assert [row["id"] for row in json.loads(Path("out.json").read_text())] == list(frame["id"])

    Path("new.txt").write_text("".join(text + "\n" for text, _ in TEXTS))
    predict_file(run, "new.txt", Path("out.txt"))
    assert right(Path("out.txt").read_text().splitlines())
    predict_file(run, "new.txt", Path("both.tsv"))
    assert Path("both.tsv").read_text().startswith("text\tprediction\tscore\tp(bad)\tp(good)\n")

    capsysbinary.readouterr()
    predict_file(run, "new.csv")
    assert capsysbinary.readouterr().out == Path("out.csv").read_bytes()
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]


def test_the_file_is_read_as_the_recipe_reads_its_own(run, write_csv):
    Path("new.csv").write_text("x;hot\nlovely it is;cold\n")
    keys = {"delimiter": ";", "header": False, "column_names": ["text", "other"]}
    predict_file(run, "new.csv", Path("out.csv"), keys)
    first, second = [line.split(";") for line in Path("out.csv").read_text().splitlines()]
    assert first[:2] == ["x", "hot"] and len(second) == 6 and second[2] == "good"
    task = run.typed().task.model_dump(mode="json", exclude_unset=True)
    task["test"] |= keys
    run.typed = lambda: FinetuneConfig(task=task)
    predict_file(run, "new.csv", Path("again.csv"))
    assert Path("again.csv").read_text() == Path("out.csv").read_text()


def test_every_row_has_a_line(run, caplog):
    """Rows that are too short to learn from are predicted; those without a text are counted and stay empty."""
    Path("new.csv").write_text("text,n\na,1\n,2\n" + "lovely " * 300 + ",3\n")
    predict_file(run, "new.csv", Path("out.csv"))
    rows = list(csv.DictReader(io.StringIO(Path("out.csv").read_text())))
    assert [row["n"] for row in rows] == ["1", "2", "3"]
    assert [bool(row["prediction"]) for row in rows] == [True, False, True] and rows[1]["score"] == ""
    predict_file(run, "new.csv", Path("out.txt"))
    assert [bool(line) for line in Path("out.txt").read_text().split("\n")] == [True, False, True, False]


def test_memory_is_bounded(run, monkeypatch):
    """A file is never held whole: while its first rows are written, the last are not yet read."""
    monkeypatch.setattr(predicting, "ROWS", 4)
    read = []
    from snakelm.readers.rows import read_file

    def watched(*arguments: Any) -> Any:
        for row in read_file(*arguments):
            read.append(row)
            yield row

    monkeypatch.setattr(predicting, "read_file", watched)
    from snakelm.finetune.predictor import Predictor

    sizes = []
    call = Predictor.__call__
    monkeypatch.setattr(
        Predictor, "__call__", lambda self, rows: (sizes.append((len(rows), len(read))), call(self, rows))[1]
    )
    Path("new.txt").write_text("".join(text + "\n" for text, _ in TEXTS[:10]))
    predict_file(run, "new.txt", Path("out.txt"))
    assert sizes == [(4, 4), (4, 8), (2, 10)]


@pytest.mark.parametrize(
    ("name", "content", "out", "keys", "said"),
    [
        ("new.csv", "txt,n\na,1\n", "out.csv", {}, r"new\.csv line 2: no column 'text'; did you mean txt\?"),
        ("new.csv", "text,prediction\na,1\n", "out.csv", {}, r"has a column prediction already; --prefix"),
        ("new.csv", "text\n", "out.csv", {}, r"new\.csv: has no rows"),
        ("no.csv", None, "out.csv", {}, r"no\.csv: cannot be read \(No such file"),
        ("new.csv", "text\na\n", "out.docx", {}, r"can be written as .*\.txt, but not as \.docx"),
        ("new.csv", "text\na\n", "out.conllu", {}, r"not as \.conllu"),
        ("new.csv", "text\na\n", "no/out.csv", {}, r"no/out\.csv: cannot be written \(No such file"),
        ("new.csv", "text\na\n", "new.csv", {}, r"is the input itself"),
        ("new.csv", "text\na\n", "out.csv", {"delimiters": ";"}, r"delimiters.*did you mean delimiter\?"),
        ("new.csv", "text\na\n", "out.csv", {"format": "exel"}, r"format"),
        ("new.bin", "text\na\n", "out.csv", {}, r"new\.bin: unknown format"),
        ("-", None, "out.csv", {}, r"standard input: say what it is with --format"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_leaves_no_file(run, name, content, out, keys, said):
    if content is not None:
        Path(name).write_text(content)
    with pytest.raises(UserError, match=said) as raised:
        predict_file(run, name, Path(out), keys)
    assert len(raised.value.lines) == 1 and "\n" not in raised.value.lines[0]
    assert out == "new.csv" or not Path(out).exists()
    assert not list(Path().glob(".*.part"))


@pytest.mark.parametrize("out", ["out.csv", "out.parquet"])
def test_a_table_loses_no_column(run, out):
    rows = [{"text": "lovely it is"}, {"text": "lovely", "more": 1}]
    write("new.jsonl", rows)
    with pytest.raises(UserError, match=r"new\.jsonl line 2: has a column more, which the first row lacks"):
        predict_file(run, "new.jsonl", Path(out))
    write("less.jsonl", rows[::-1])
    predict_file(run, "less.jsonl", Path(out))
    assert len(pandas.read_parquet(out) if out == "out.parquet" else pandas.read_csv(out)) == 2


def test_another_prefix(run):
    Path("new.csv").write_text("text,prediction\nlovely it is,1\n")
    predict_file(run, "new.csv", Path("out.csv"), prefix="b_")
    assert Path("out.csv").read_text().startswith("text,prediction,b_prediction,b_score,b_p(bad),b_p(good)\n")


def test_treebanks_and_columns(run_task, tmp_path):
    text = "# sent_id = 1\n1-2\tthe of\t_\t_\t_\t_\t_\t_\t_\t_\n"
    text += "".join(
        f"{number}\t{word}\t_\t{tag}\t_\t_\t0\tdep\t_\t_\n" for number, word, tag in ((1, "the", "X"), (2, "of", "Y"))
    )
    text += "2.1\tit\t_\t_\t_\t_\t_\t_\t_\t_\n\n"
    Path("train.conllu").write_text(text * 40)
    source = {"files": "train.conllu"}
    task = {"type": "token_classification", "train": source, "test": source, "steps": 40, "learning_rate": 5e-3}
    folder, _ = run_task(task, "bert")
    assert (folder / "predictions.conllu").read_text() == text * 40
    run: Any = SimpleNamespace(folder=folder, typed=lambda: FinetuneConfig(task=task))
    blank = text.replace("\tX\t", "\t_\t").replace("\tY\t", "\t_\t")
    Path("new.conllu").write_text(blank * 3)
    predict_file(run, "new.conllu", Path("out.conllu"))
    assert Path("out.conllu").read_text() == text * 3
    Path("new.conll").write_text("# comment\nthe\tD\nof\tP\n\nthe\tD\n\n")
    predict_file(run, "new.conll", Path("out.conll"))
    assert Path("out.conll").read_text() == "# comment\nthe\tD\tX\nof\tP\tY\n\nthe\tD\tX\n\n"
    Path("new.txt").write_text("the of\nthe\n")
    predict_file(run, "new.txt", Path("out2.conll"))
    assert Path("out2.conll").read_text() == "the X\nof Y\n\nthe X\n\n"
    Path("new.csv").write_text("words\nthe of\n")
    predict_file(run, "new.csv", Path("out.csv"))
    assert Path("out.csv").read_text().splitlines()[1].startswith("the of,X Y,0.")


def test_squad(run_task):
    task = {
        "type": "question_answering",
        "train": write("train.jsonl", rows_of("question_answering", 40, 1)),
        "steps": 2,
    }
    task["test"] = write("test.jsonl", rows_of("question_answering", 8, 2))
    folder, _ = run_task(task, "bert")
    table = pandas.read_parquet(folder / "predictions.parquet")
    answers = json.loads((folder / "predictions.json").read_text())
    assert answers == {f"q{number}": text for number, text in enumerate(table["prediction"])}
    questions = [
        {"context": row["context"], "qas": [{"id": row["id"], "question": row["question"]}]}
        for row in rows_of("question_answering", 8, 2)
    ]
    Path("new.json").write_text(json.dumps({"data": [{"paragraphs": questions}]}))
    run: Any = SimpleNamespace(folder=folder, typed=lambda: FinetuneConfig(task=task))
    predict_file(run, "new.json", Path("out.json"), {"format": "squad"})
    assert json.loads(Path("out.json").read_text()) == answers


def test_a_damaged_model_is_never_used(run):
    from safetensors.torch import load_file, save_file

    weights = load_file(run.folder / "model.safetensors")
    weights.pop("classifier.bias")
    save_file(weights, run.folder / "model.safetensors", {"format": "pt"})
    Path("new.csv").write_text("text\na\n")
    with pytest.raises(UserError, match=r"weights are not in the folder \(classifier.bias\)"):
        predict_file(run, "new.csv", Path("out.csv"))
    (run.folder / "predictor.json").unlink()
    with pytest.raises(UserError, match=r"kept no predictor.json"):
        predict_file(run, "new.csv", Path("out.csv"))
