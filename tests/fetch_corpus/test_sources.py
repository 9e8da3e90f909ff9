"""Several sources in one corpus: names, columns, held-out sources, templates, figures by source."""

import json
import logging
import re
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from snakelm.core.errors import UserError
from snakelm.fetch_corpus.config import CorpusConfig
from snakelm.fetch_corpus.fetch import fetch_corpus
from snakelm.fetch_corpus.steps import cleaning_steps
from snakelm.readers.corpus import has_split, read_split
from snakelm.recipe.mixing import mixture_of
from snakelm.runs.code import CodeDigests
from snakelm.runs.context import RunContext
from snakelm.runs.digests import FileDigests
from snakelm.runs.fingerprints import Fingerprints

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    logging.getLogger("snakelm").propagate = True


def fetch(name="run", **config):
    out, work = Path(name), Path(f"{name}-work")
    out.mkdir()
    work.mkdir()
    return out, fetch_corpus(RunContext("mine", CorpusConfig(**config), {}, out, work))


def jsonl(name, rows):
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return name


@pytest.fixture
def two(checkout):
    Path("poems.txt").write_text("".join(f"line {at}\n" for at in range(60)))
    jsonl("wiki.jsonl", [{"title": f"t{at}", "body": f"b{at}", "year": at} for at in range(40)])
    return [{"files": "poems.txt", "unit": "line"}, {"name": "pedia", "files": "wiki.jsonl", "text": "body"}]


def test_documents_say_which_source_they_are_from(two):
    out, numbers = fetch(sources=two, split={"validation": 0.1})
    train = read_split(out, "train")
    assert train.columns.tolist() == ["text", "source", "title", "year"]
    assert train["source"].tolist() == sorted(train["source"], reverse=True), "a source stands in one piece"
    assert set(read_split(out, "validation")["source"]) == {"poems", "pedia"}
    found = numbers["sources"]
    assert list(found) == ["poems", "pedia"] and found["poems"]["dropped"]["duplicates"] == 0
    for measure in ("documents", "characters", "bytes", "words"):
        for split in ("train", "validation"):
            assert numbers[measure][split] == sum(found[name][measure][split] for name in found)
    assert sum(found["pedia"]["documents"].values()) == 40


def test_a_source_alone_has_no_name_and_no_column(two):
    out, numbers = fetch(**two[0])
    assert read_split(out, "train").columns.tolist() == ["text"] and "sources" not in numbers


def test_held_out_sources_are_whole_splits_and_win_over_their_copies(two):
    Path("gold.txt").write_text("line 3\ngold\ngold\n")
    given = {"files": "gold.txt", "unit": "line"}
    out, numbers = fetch(sources=two, validation=given, deduplicate="exact")
    assert read_split(out, "validation")["text"].tolist() == ["line 3", "gold"]
    assert "line 3" not in set(read_split(out, "train")["text"]) and not has_split(out, "test")
    assert numbers["sources"]["gold"]["documents"] == {"validation": 2}
    assert numbers["sources"]["poems"]["dropped"]["duplicates"] == 1
    _, numbers = fetch("leaky", sources=two, validation=given)
    assert numbers["held_out_texts_also_in_train"] == 1


def test_several_held_out_sources_beside_a_draw(two):
    for name in "ab":
        Path(f"{name}.txt").write_text(name)
    config = CorpusConfig(**two[0], test=[{"files": "a.txt"}, {"files": "b.txt"}], split={"validation": 0.1})
    assert config.splits() == ("train", "validation", "test")
    out, numbers = fetch(**two[0], test=[{"files": "a.txt"}, {"files": "b.txt"}], split={"validation": 0.1})
    assert read_split(out, "test")["source"].tolist() == ["a", "b"]
    assert numbers["documents"] == {"train": 54, "validation": 6, "test": 2}
    assert set(read_split(out, "train")["source"]) == {"poems"}


def test_a_template_joins_columns():
    rows = [{"title": "A", "body": "one", "n": 1}, {"title": "", "body": "two", "n": None}, {"title": None, "body": ""}]
    jsonl("a.jsonl", rows)
    out, numbers = fetch(files="a.jsonl", template="# {title}\n\n{body} {{x}}", split="none")
    assert read_split(out, "train")["text"].tolist() == ["# A\n\none {x}", "# \n\ntwo {x}"]
    assert numbers["dropped"]["null"] == 1 and "title" in read_split(out, "train").columns
    with pytest.raises(UserError, match="a.jsonl line 1: no column 'tilte'; did you mean title"):
        fetch("slip", files="a.jsonl", template="{tilte}", split="none")
    jsonl("b.jsonl", [{"title": [1]}])
    with pytest.raises(UserError, match="b.jsonl line 1: template: column 'title' holds list"):
        fetch("list", files="b.jsonl", template="{title}", split="none")


def test_columns_may_have_the_names_of_ours(two, caplog):
    jsonl("own.jsonl", [{"body": "x", "text": "y", "source": "z"}])
    out, _ = fetch(sources=[two[0], {"files": "own.jsonl", "text": "body"}], split="none")
    assert read_split(out, "train").iloc[-1].tolist() == ["x", "own"]
    assert "column 'text' is left out" in caplog.text and "column 'source' is left out" in caplog.text
    with pytest.raises(UserError, match="keep: the name of the source becomes the column source"):
        fetch("keep", sources=two, keep=["source"])


def test_an_empty_source_is_named(two):
    Path("empty.txt").write_text("\n\n")
    with pytest.raises(UserError, match="source empty has no documents: the source has 1 rows .1 empty."):
        fetch(sources=[*two, {"files": "empty.txt"}])


def test_default_names_are_those_of_files_and_distinct():
    sources = [
        {"files": "data/wiki/*.jsonl.gz"},
        {"files": "data/a b.txt.gz"},
        {"url": "http://h/p/a%20b.txt?x=1"},
        {"python": "mine.texts:load"},
        {"hub": {"name": "owner/set"}},
        {"files": "**/*.txt"},
        {"files": "x.txt", "name": "source"},
    ]
    names = [part.name for part in CorpusConfig(sources=sources).parts()]
    assert names == ["wiki", "a-b", "a-b-2", "mine.texts.load", "set", "source-2", "source"]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"sources": [{"files": "a"}], "files": "b"}, "files beside sources"),
        ({"sources": [{"files": "a"}], "encoding": "latin-1"}, "encoding beside sources"),
        ({"sources": []}, "none is given"),
        ({"sources": [{"name": "a"}]}, "none is given"),
        ({"sources": [{"files": "a", "name": "x"}, {"files": "b", "name": "x"}]}, "two are called x"),
        ({"files": "a", "validation": {"files": "b"}, "split": {"validation": 0.1}}, "validation is given as a source"),
        ({"files": "a", "test": {"files": "b"}, "split": {"column": "c"}}, "test is given as a source"),
        ({"files": "a", "template": "no column"}, "template names no column"),
        ({"files": "a", "template": "{a"}, "template: expected '}'"),
        ({"files": "a", "template": "{a!r}"}, "nothing else"),
        ({"files": "a", "template": "{a}", "text": "b"}, "exclude each other"),
    ],
)
def test_refused(config, said):
    with pytest.raises(ValidationError) as error:
        CorpusConfig(**config)
    assert said in str(error.value)


def test_what_only_describes_a_source_is_no_part_of_the_identity():
    plain = CorpusConfig(sources=[{"files": "a"}])
    said = CorpusConfig(sources=[{"files": "a", "license": "CC0", "source": "the attic", "language": "de"}])
    assert plain.identity() == said.identity()
    assert CorpusConfig(sources=[{"files": "a", "name": "b"}]).identity() != plain.identity()


def test_the_example_of_the_documentation_is_a_corpus():
    page = (ROOT / "docs" / "corpora.md").read_text(encoding="utf-8")
    entry = yaml.safe_load(page.partition("```yaml\n")[2].partition("```")[0])["corpora"]["mine"]
    corpus = CorpusConfig(**entry)
    assert corpus.splits() == ("train", "validation", "test")
    assert mixture_of(corpus).max_tokens == {"books": 100_000_000}
    named = set(re.findall(r"^\| (`.*?`) \| [a-z]", page, flags=re.MULTILINE))
    steps = {step for cell in named for step in re.findall(r"`(\w+)`", cell)}
    assert set(cleaning_steps) <= steps


def identity(**config):
    return CorpusConfig(**config).identity(Fingerprints(FileDigests(), CodeDigests()))


def test_a_source_counts_by_its_content_and_by_the_name_that_documents_get(two):
    poems, pedia = two
    before = identity(sources=two)
    assert "weight" not in str(before) and before["names"] == ["poems", "pedia"]
    Path("in").mkdir()
    Path("in/poems.txt").write_bytes(Path("poems.txt").read_bytes())
    Path("verse.txt").write_bytes(Path("poems.txt").read_bytes())
    assert identity(sources=[poems | {"files": "in/poems.txt"}, pedia]) == before, "moved"
    assert identity(sources=[poems | {"name": "poems"}, pedia]) == before, "the name that it has anyway"
    assert identity(sources=[poems | {"weight": 2}, pedia | {"weight": 1}], temperature_over="languages") == before
    assert identity(sources=[poems | {"files": "verse.txt"}, pedia]) != before, "renamed: the column source changes"
    assert identity(sources=[poems | {"files": "verse.txt", "name": "poems"}, pedia]) == before
    assert identity(files="verse.txt") == identity(files="poems.txt"), "one source has no name"
    held = {"files": "wiki.jsonl", "text": "body", "validation": {"files": "poems.txt", "unit": "line"}}
    assert identity(**held)["names"] == ["poems", "wiki"]
    with_file = [pedia | {"text": "text", "template": "{file}: {body}"}]
    Path("in/wiki.jsonl").write_bytes(Path("wiki.jsonl").read_bytes())
    moved = [with_file[0] | {"files": "in/wiki.jsonl"}]
    assert identity(sources=with_file) != identity(sources=moved), "the path stands in the text"


def test_the_code_of_a_cleaning_function_counts(two):
    def at_work():
        return identity(sources=two, clean=[{"step": "python", "python": "own_step:clean"}])

    Path("own_step.py").write_text("def clean(text, row):\n    return text.upper()\n")
    before = at_work()
    Path("own_step.py").write_text("def clean(text, row):\n    return text.lower()\n")
    assert at_work() != before
