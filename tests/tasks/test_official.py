"""Predictions in the field's formats, read back as its scorers read them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from seqeval.metrics import f1_score

from snakelm.metrics.tags import NO_TAG, token_classification
from snakelm.readers.config import SourceConfig
from snakelm.readers.row import Row
from snakelm.readers.rows import read_rows
from snakelm.tasks.config import TaskConfig, task_types


def task(type_: str, **keys: Any) -> TaskConfig:
    return task_types.validate({"type": type_, "data": {"files": "x.jsonl"}, **keys})


def written(of: TaskConfig, answered: list[tuple[Row, dict[str, Any]]], suffix: str) -> str:
    official = of.official_format(answered[0][0])
    assert official is not None and official.suffix == suffix
    file = io.StringIO()
    official.write(file, iter(answered))
    return file.getvalue()


def row(**values: Any) -> Row:
    return Row(values, "x.jsonl", 1)


CONLLU = """\
# newdoc id = d1
# sent_id = 1
# text = Vámonos al mar
1-2\tVámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tVamos\tir\tVERB\t_\tMood=Imp|Number=Plur\t0\troot\t_\t_
2\tnos\tnosotros\tPRON\t_\tCase=Acc|Number=Plur\t1\tobj\t_\t_
3-4\tal\t_\t_\t_\t_\t_\t_\t_\tMisc=1
3\ta\ta\tADP\t_\t_\t5\tcase\t_\t_
4\tel\tel\tDET\t_\tDefinite=Def|Number=Sing\t5\tdet\t_\t_
4.1\tnada\tnada\tX\t_\t_\t_\t_\t5:x\t_
5\tmar\tmar\tNOUN\t_\tGender=Masc|Number=Sing\t1\tobl\t_\tSpaceAfter=No

# text = Sí
1\tSí\tsí\tINTJ\t_\t_\t0\troot\t_\t_

"""


def conllu(tmp_path: Path, tag_column: str) -> list[Row]:
    (tmp_path / "x.conllu").write_text(CONLLU)
    return list(read_rows(SourceConfig(files=[str(tmp_path / "x.conllu")], tag_column=tag_column)))


@pytest.mark.parametrize("tag_column", ["upos", "feats", "Number", "lemma"])
def test_the_right_tags_give_the_treebank_back(tmp_path, tag_column):
    rows = conllu(tmp_path, tag_column)
    answered = [(one, {"words": one["words"], "prediction": one["tags"]}) for one in rows]
    assert written(task("token_classification"), answered, ".conllu") == CONLLU


def test_predicted_tags_stand_where_the_treebank_has_them(tmp_path):
    def predicted(tag_column: str, tags: list[str]) -> list[list[str]]:
        first = conllu(tmp_path, tag_column)[0]
        text = written(task("token_classification"), [(first, {"prediction": tags})], ".conllu")
        assert text.splitlines()[:4] == CONLLU.splitlines()[:4] and len(text.splitlines()) == 12
        return [line.split("\t") for line in text.splitlines()[3:-1]]

    tagged = predicted("upos", ["A", "B", "C", "D", NO_TAG])
    assert [values[3] for values in tagged] == ["_", "A", "B", "_", "C", "D", "X", "_"]
    tagged = predicted("Number", ["Sing", "_", "Dual", "Sing", "_"])
    assert [values[5] for values in tagged] == [
        *("_", "Mood=Imp|Number=Sing", "Case=Acc", "_", "Number=Dual", "Definite=Def|Number=Sing", "_", "Gender=Masc")
    ]


def test_seqeval_reads_the_columns():
    gold = [["B-A", "I-A", "O"], ["B-B", "O"]]
    guess = [["B-A", "I-A", "B-B"], [NO_TAG, "O"]]
    words = [["New York", "is", "it"], ["\u00a0x", "y"]]
    cells = [{"words": w, "gold": g, "prediction": p} for w, g, p in zip(words, gold, guess, strict=True)]
    text = written(task("token_classification"), [(row(words=[]), one) for one in cells], ".conll")
    blocks = [[line.split(" ") for line in block.splitlines()] for block in text.rstrip("\n").split("\n\n")]
    assert blocks[0][0] == ["New_York", "B-A", "B-A"] and all(len(line) == 3 for block in blocks for line in block)
    read = [[[line[column] for line in block] for block in blocks] for column in (1, 2)]
    import pandas

    ours = token_classification(pandas.DataFrame({"gold": gold, "prediction": guess}))
    assert f1_score(*read) == pytest.approx(ours["f1"])
    del cells[0]["gold"]
    assert written(task("token_classification"), [(row(), cells[0])], ".conll").startswith("New_York B-A\nis I-A\n")


def test_squad_answers():
    of = task("question_answering")
    answered = [(row(id="a1"), {"row": 0, "prediction": 'say "é"'}), (row(id="a2"), {"row": 1, "prediction": ""})]
    text = written(of, answered, ".json")
    assert json.loads(text) == {"a1": 'say "é"', "a2": ""} and "é" in text
    assert json.loads(written(of, [(row(), {"row": 7, "prediction": "x"})], ".json")) == {"7": "x"}


@pytest.mark.parametrize(
    ("of", "prediction", "line"),
    [
        (task("translation"), "two\nlines\u2028more", "two lines more"),
        (task("summarization"), "", ""),
        (task("text_classification"), "good", "good"),
        (task("text_classification", multi_label=True, label_separator=";"), ["a", "b"], "a;b"),
        (task("regression"), 1835.25, "1835.25"),
        (task("multiple_choice"), 2, "2"),
    ],
)
def test_one_line_per_row(of, prediction, line):
    assert written(of, [(row(), {"prediction": prediction})] * 2, ".txt") == f"{line}\n{line}\n"


def test_types_without_a_format_of_their_own():
    assert task("language_modeling").official_format(row()) is None
    assert task("minimal_pairs").official_format(row()) is None
