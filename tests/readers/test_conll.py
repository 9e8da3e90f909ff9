"""CoNLL columns and CoNLL-U."""

import logging

import pytest

from snakelm.core.errors import UserError
from snakelm.readers.config import SourceConfig
from snakelm.readers.rows import read_rows


def read(tmp_path, content, suffix="conll", **config):
    path = tmp_path / f"data.{suffix}"
    path.write_bytes(content.encode())
    return list(read_rows(SourceConfig(files=str(path), **config)))


def test_columns_by_number_and_document_marks(tmp_path):
    content = "-DOCSTART- -X- O O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\n\nGerman\u00a0call JJ B-NP B-MISC\n"
    found = read(tmp_path, content)
    assert found == [
        {"text": "EU rejects", "words": ["EU", "rejects"], "tags": ["B-ORG", "O"]},
        {"text": "German\u00a0call", "words": ["German\u00a0call"], "tags": ["B-MISC"]},
    ]
    assert [row.line for row in found] == [3, 7]
    assert read(tmp_path, content, tag_column=1)[0]["tags"] == ["NNP", "VBZ"]
    with pytest.raises(UserError, match="no column number 9; the first word has 4 columns"):
        read(tmp_path, content, tag_column=9)


def test_columns_by_name(tmp_path):
    content = "# global.columns = ID FORM NE\n# text = x\n1\tRomeo\tB-PER\n2\tleft\tO\n\n# x\n1\tO\tO\n"
    assert read(tmp_path, content, word_column="FORM", tag_column="NE") == [
        {"text": "Romeo left", "words": ["Romeo", "left"], "tags": ["B-PER", "O"]},
        {"text": "O", "words": ["O"], "tags": ["O"]},
    ]
    with pytest.raises(UserError, match="no column 'FROM'; did you mean FORM?"):
        read(tmp_path, content, word_column="FROM")
    named = read(tmp_path, "a O\n", column_names=["word", "ner"], word_column="word", tag_column="ner")
    assert named == [{"text": "a", "words": ["a"], "tags": ["O"]}]


def test_hashtags_with_tabs_are_words(tmp_path):
    assert read(tmp_path, "#verona\tO\n#\tO\n")[0]["words"] == ["#verona", "#"]


def test_crlf_and_blank_lines_of_spaces(tmp_path):
    assert [row["words"] for row in read(tmp_path, "a O\r\n  \r\nb O\r\n")] == [["a"], ["b"]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a B O\nb O\n", "line 2: 2 columns, but line 1 has 3"),
        ("a B O\n\nb O\n", "line 3: 2 columns, but line 1 has 3"),
        ("a\tO\nb\t\n", "line 2: an empty tag"),
    ],
)
def test_malformed_columns(tmp_path, content, said):
    with pytest.raises(UserError, match=said):
        read(tmp_path, content)


WORD = "{}\t{}\t_\t{}\tX\t{}\t0\troot\t_\t_\n"


def test_conllu_skips_ranges_and_empty_nodes(tmp_path):
    content = "# sent_id = 1\n# text = vámonos\n" + WORD.format("1-2", "vámonos", "_", "_")
    content += WORD.format(1, "vamos", "VERB", "Number=Plur|Person=1") + WORD.format(2, "nos", "PRON", "_")
    content += WORD.format("2.1", "gone", "VERB", "_") + WORD.format(3, "#", "SYM", "_") + "\n"
    (row,) = read(tmp_path, content, "conllu")
    assert row == {"text": "vámonos", "words": ["vamos", "nos", "#"], "tags": ["VERB", "PRON", "SYM"]}
    (row,) = read(tmp_path, content, "conllu", tag_column="Number")
    assert row["tags"] == ["Plur", "_", "_"]
    (row,) = read(tmp_path, content, "conllu", tag_column="xpos")
    assert row["tags"] == ["X", "X", "X"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("1\ta\tO\n", "line 1: 3 tab-separated columns; CoNLL-U has 10"),
        (WORD.format(1, "a", "X", "_") + WORD.format(3, "b", "X", "_"), "line 2: word 3 follows word 1"),
        (WORD.format("x", "a", "X", "_"), "line 1: 'x' is not a word number"),
        (WORD.format(1, "", "X", "_"), "line 1: column FORM is empty"),
    ],
)
def test_malformed_conllu(tmp_path, content, said):
    with pytest.raises(UserError, match=said):
        read(tmp_path, content, "conllu")


def test_malformed_features(tmp_path):
    with pytest.raises(UserError, match="line 1: malformed features 'Plur'"):
        read(tmp_path, WORD.format(1, "a", "X", "Plur"), "conllu", tag_column="Number")


def test_a_misspelt_feature_is_told_with_the_nearest(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("snakelm"), "propagate", True)
    content = WORD.format(1, "a", "X", "Number=Plur|Case=Nom")
    assert read(tmp_path, content, "conllu", tag_column="Numbre")[0]["tags"] == ["_"]
    assert "no word has the feature 'Numbre', so that all tags are '_'; did you mean Number?" in caplog.text
    read(tmp_path, content, "conllu", tag_column="upso")
    assert "did you mean upos?" in caplog.text
    caplog.clear()
    assert read(tmp_path, content, "conllu", tag_column="feats.Case")[0]["tags"] == ["Nom"]
    assert read(tmp_path, content, "conllu", tag_column="feats")[0]["tags"] == ["Number=Plur|Case=Nom"]
    assert read(tmp_path, content, "conllu", tag_column="lemma")[0]["tags"] == ["_"] and not caplog.records


def test_conllu_has_the_text(tmp_path):
    """As its comment gives it, else as its tokens are written: multiword tokens whole, spaces where they stand."""
    lines = ["1-2\tdu\t_", "1\tde\tADP", "2\tle\tDET", "2.1\tgone\tX", "3\tvin\tNOUN", "4\t.\tPUNCT"]
    content = "".join(line + "\t_" * 6 + ("\tSpaceAfter=No\n" if "vin" in line else "\t_\n") for line in lines)
    (row,) = read(tmp_path, content, "conllu", text="body")
    assert row["body"] == "du vin." and row["words"] == ["de", "le", "vin", "."]
    (row,) = read(tmp_path, "# text = Du  vin.\n" + content, "conllu")
    assert row["text"] == "Du  vin."
