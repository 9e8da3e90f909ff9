"""Data are looked at when a recipe is planned: all that is wrong is listed, once, and nothing new costs nothing."""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from snakelm.core.errors import UserError
from snakelm.planning import inspection, samples
from snakelm.planning.inspection import Answer, Inspection, Look
from snakelm.planning.inspector import Inspector
from snakelm.planning.plan import Plan
from snakelm.planning.planner import make_plan
from snakelm.recipe.loading import load
from snakelm.runs.store import Store
from tests.workspace import Workspace

BASE = """
corpora:
  c: {files: text.txt, unit: line, split: {validation: 0.1, test: 0.2}}
tokenizers:
  t: {corpus: c, vocab_size: 300}
models:
  tiny: {corpus: c, tokenizer: t, steps: 2}
tasks:
  topic: {type: text_classification, data: {files: rows.csv}}
experiments: [{model: tiny, tasks: topic, seeds: [1], init: [pretrained]}]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("".join(f"line {number}\n" for number in range(40)))
    Path("rows.csv").write_text("text,label\n" + "".join(f"text {n},{'ab'[n % 2]}\n" for n in range(40)))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> list[Look]:
    """Look in this process, not in one of its own; what was looked at is noted."""
    asked: list[Look] = []

    def answers(looks: list[Look], plugins: list[str]) -> list[Answer]:
        asked.extend(looks)
        inspector = Inspector(tmp_path_factory.mktemp("corpora"))
        return [inspector.answer(look) for look in looks]

    monkeypatch.setattr(inspection, "ask", answers)
    yield asked
    for name in [name for name in sys.modules if name.startswith("own_")]:
        del sys.modules[name]


def planned(text: str, only: object = None) -> Plan:
    Path("r.yaml").write_text(text)
    return make_plan(load(["r.yaml"]), Store(), "r", inspect=Inspection(only))


def problems(text: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        planned(text)
    return list(caught.value.lines)


def with_task(task: str) -> str:
    return BASE.replace("{type: text_classification, data: {files: rows.csv}}", task)


def table(name: str, rows: list[dict[str, Any]]) -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))


# --- what is found --------------------------------------------------------------------------------------------


def test_all_that_is_wrong_is_listed_with_place_and_remedy(here):
    Path("blank.csv").write_text("text,label\nyes,a\nno,\n")
    Path("empty.txt").write_text("  \n")
    Path("strange.xyz").write_text("what is this")
    text = BASE.replace(
        "corpora:", "corpora:\n  e: {files: empty.txt}\n  s: {files: strange.xyz}\n  n: {files: no.txt}"
    )
    text = text.replace(
        "\ntasks:",
        "\ntasks:\n  blank: {type: text_classification, data: {files: blank.csv}}\n"
        "  columns: {type: text_classification, train: {files: rows.csv}, test: {files: blank.csv},"
        " text_column: txt, label_column: labl}\n"
        "  half: {type: text_classification, train: {files: strange.xyz}, test: {files: rows.csv}, text_column: txt}",
    ).replace("tasks: topic", "tasks: [topic, blank, columns, half]")
    found = problems(text)
    assert found == [
        f"corpora.n: no.txt: no such file (paths are relative to the working directory, {Path.cwd()})",
        "corpora.e: the corpus has no documents: the source has 1 rows (1 empty)",
        "corpora.s: strange.xyz: unknown format; set format: txt (or jsonl, csv, conll, …; parallel for two files line"
        " by line)",
        "tasks.blank.data: blank.csv line 3: column label is empty or NaN; give a label, or set missing_labels: drop",
        "tasks.columns.text_column: rows.csv line 2: no column 'txt'; did you mean text?",
        "tasks.columns.label_column: rows.csv line 2: no column 'labl'; did you mean label?",
        "tasks.columns.text_column: blank.csv line 2: no column 'txt'; did you mean text?",
        "tasks.columns.label_column: blank.csv line 2: no column 'labl'; did you mean label?",
        "tasks.half.train: strange.xyz: unknown format; set format: txt (or jsonl, csv, conll, …; parallel for two"
        " files line by line)",
        "tasks.half.text_column: rows.csv line 2: no column 'txt'; did you mean text?",
    ]


SQUAD = {"question": "who?", "context": "she did", "answers": {"text": ["she"], "answer_start": [0]}}


@pytest.mark.parametrize(
    ("task", "rows", "said"),
    [
        (
            "{type: token_classification, data: {files: d.jsonl}, tags_column: tag}",
            [{"words": ["a"], "tags": ["X"]}],
            "tasks.topic.tags_column: d.jsonl line 1: no column 'tag'; did you mean tags?",
        ),
        (
            "{type: token_classification, data: {files: d.jsonl}}",
            [{"words": ["a", "b"], "tags": ["X"]}],
            "tasks.topic.data: d.jsonl line 1: 2 words but 1 tags",
        ),
        (
            "{type: question_answering, data: {files: d.jsonl}, answers_column: answer}",
            [SQUAD],
            "tasks.topic.data: d.jsonl line 1: no column 'answer'; did you mean answers?",
        ),
        (
            "{type: text_classification, data: {files: d.jsonl}, text_pair_column: other}",
            [{"text": "a", "label": "x"}],
            "tasks.topic.text_pair_column: d.jsonl line 1: no column 'other'; known: label, text",
        ),
        (
            "{type: multiple_choice, data: {files: d.jsonl}, choices: [one, two]}",
            [{"question": "a", "label": 0, "one": "x", "tow": "y"}],
            "tasks.topic.data: d.jsonl line 1: no column 'two'; did you mean tow?",
        ),
        (
            "{type: regression, data: {files: d.jsonl}}",
            [{"text": "a", "label": "much"}],
            "tasks.topic.data: d.jsonl line 1: column label must hold a number, found 'much'",
        ),
        (
            "{type: text_classification, data: {files: d.jsonl}}",
            [{"text": f"a {n}", "label": "x"} for n in range(9)],
            "tasks.topic: train: all rows have one label, 'x'; a classification needs two",
        ),
        (
            "{type: text_classification, data: {files: d.jsonl}, group_column: author}",
            [{"text": f"a {n}", "label": "xy"[n % 2]} for n in range(9)],
            "tasks.topic.group_column: d.jsonl line 1: no column 'author'; known: label, text",
        ),
        (
            "{type: text_classification, data: {files: d.jsonl}}",
            [],
            "tasks.topic.data: train: d.jsonl has no rows",
        ),
        (
            "{type: regression, corpus: c, label_column: year}",
            [],
            "tasks.topic.label_column: corpus c, train document 1: no column 'year'; known: text",
        ),
        (
            "{type: text_classification, data: {files: text.txt, unit: line, sha256: '" + "0" * 64 + "'}}",
            [],
            "tasks.topic: text.txt: sha256 is SUM, but the recipe states " + "0" * 64,
        ),
        (
            "{type: text_classification, data: {files: d.jsonl}, min_chars: 100}",
            [{"text": "short", "label": "x"}],
            "tasks.topic.data: train: no row is left of 1 (missing labels, empty texts, min_chars, max_chars)",
        ),
        (
            "{type: text_classification, data: {files: d.jsonl}, labels: [x, z]}",
            [{"text": f"a {n}", "label": "xy"[n % 2]} for n in range(9)],
            "tasks.topic: d.jsonl line 2: label 'y' of the train split does not occur in labels (REST",
        ),
    ],
)
def test_every_type_checks_its_own_columns(here, task, rows, said):
    table("d.jsonl", rows)
    (found,) = problems(with_task(task))
    said = said.replace("SUM", hashlib.sha256(Path("text.txt").read_bytes()).hexdigest())
    assert found.startswith(said.removesuffix("REST")) and (found == said or said.endswith("REST"))


@pytest.mark.parametrize(
    ("corpus", "said"),
    [
        ("{files: rows.csv, text: txt}", "corpora.c: rows.csv line 2: no column 'txt'; did you mean text?"),
        (
            "{files: rows.csv, split: {column: part}}",
            "corpora.c: rows.csv line 2: no column 'part'; known: label, text",
        ),
        ("{files: rows.csv, group: author}", "corpora.c: rows.csv line 2: no column 'author'; known: label, text"),
        ("{files: rows.csv, keep: [year]}", "corpora.c: keep: no row has a column 'year'"),
        ("{files: damaged.gz, format: txt}", "corpora.c: damaged.gz: damaged or truncated gzip file ("),
        (
            "{files: latin.txt}",
            "corpora.c: latin.txt line 1: byte e9 at 2 (offset 1 of the file) is not utf-8; say which one it is with",
        ),
        (
            "{files: [text.txt, latin.txt], unit: line}",
            "corpora.c: latin.txt line 1: byte e9 at 2 (offset 1 of the file) is not utf-8; say",
        ),
        ("{python: 'own_rows:lod'}", "corpora.c: own_rows:lod: no 'lod' in own_rows; did you mean load?"),
        ("{python: 'own_rows:leave'}", "corpora.c: own_rows:leave raised SystemExit: 3 at own_rows.py line"),
        ("{python: 'own_nosuch:load'}", "corpora.c: own_nosuch:load: no module 'own_nosuch' is installed, and the"),
    ],
)
def test_corpora_are_looked_at_as_fetch_corpus_reads_them(here, corpus, said):
    Path("damaged.gz").write_bytes(gzip.compress(b"some text " * 100)[:-10])
    Path("latin.txt").write_bytes(b"h\xe9\n")
    Path("own_rows.py").write_text("import sys\ndef load(): return ['a']\ndef leave(): sys.exit(3)\n")
    (found,) = problems(BASE.replace("{files: text.txt, unit: line, split: {validation: 0.1, test: 0.2}}", corpus))
    assert found.startswith(said)


def test_every_source_of_a_corpus_is_looked_at(here):
    one = "{files: text.txt, unit: line, split: {validation: 0.1, test: 0.2}}"
    two = "{sources: [{files: text.txt, unit: line}, {files: other.csvKEYS}], split: {test: 0.2}}"
    text = BASE.replace(one, two)
    Path("other.csv").write_text("text,label\nother,a\n")
    planned(text.replace("KEYS", ""))
    (found,) = problems(text.replace("KEYS", ", text: txt"))
    assert found == "corpora.c: other.csv line 2: no column 'txt'; did you mean text?"
    (found,) = problems(text.replace("KEYS", "}, {files: nosuch.txt"))
    assert "nosuch.txt: no such file" in found
    Path("other.csv").write_text("text,label\n,a\n")
    (found,) = problems(text.replace("KEYS", ""))
    assert found == "corpora.c: source other has no documents: the source has 1 rows (1 empty)"


def test_of_large_sources_an_empty_beginning_is_no_problem(here, monkeypatch):
    monkeypatch.setattr(samples, "ROWS", 50)
    Path("large.csv").write_text("text,label\n" + ",a\n" * 60 + "text,b\n" * 5)
    one = "{files: text.txt, unit: line, split: {validation: 0.1, test: 0.2}}"
    two = "{sources: [{files: text.txt, unit: line}, {files: large.csv}, {url: 'http://localhost:1/a.txt'}], GROUP}"
    planned(BASE.replace(one, two).replace("GROUP", "split: {test: 0.2}"))
    (found,) = problems(BASE.replace(one, two).replace("GROUP", "keep: [text]"))
    assert found == "corpora.c: keep: the document itself becomes the column text"


def test_archives_are_looked_at(here):
    with zipfile.ZipFile("rows.csv.zip", "w") as archive:
        archive.write("rows.csv")
    data = "{type: text_classification, data: {files: rows.csv.zip}, label_column: COLUMN}"
    planned(with_task(data.replace("COLUMN", "label")))
    (found,) = problems(with_task(data.replace("COLUMN", "lable")))
    assert found == "tasks.topic.label_column: rows.csv.zip/rows.csv line 2: no column 'lable'; did you mean label?"
    with zipfile.ZipFile("rows.csv.zip", "a") as archive:
        archive.write("text.txt")
    (found,) = problems(with_task(data.replace("COLUMN", "label")))
    assert "rows.csv.zip: holds 2 files (rows.csv, text.txt); say by members which are meant" in found


def test_tasks_on_a_corpus_are_checked_before_and_after_it_is_made(here):
    Path("years.jsonl").write_text("".join(json.dumps({"text": f"text {n}", "year": n}) + "\n" for n in range(40)))
    text = BASE.replace("{files: text.txt, unit: line,", "{files: years.jsonl,")
    text = text.replace("{type: text_classification, data: {files: rows.csv}}", "TASK")
    good = text.replace("TASK", "{type: regression, corpus: c, label_column: year}")
    bad = text.replace("TASK", "{type: regression, corpus: c, label_column: yaer}")
    plan = planned(good)
    said = "tasks.topic.label_column: corpus c, train document 1: no column 'yaer'; did you mean year?"
    assert said in problems(bad)
    from snakelm.fetch_corpus.config import CorpusConfig
    from snakelm.fetch_corpus.fetch import write_corpus
    from snakelm.readers.rows import read_rows

    (run,) = plan.of("fetch_corpus")
    config = run.typed()
    assert isinstance(config, CorpusConfig)
    out = Path("made")
    out.mkdir()
    write_corpus(config, lambda part: read_rows(part.source), out, Path())
    look = next(look for look in here if look.kind == "task" and look.config["label_column"] == "yaer")
    made = Look(look.kind, look.where, look.config, look.sources, look.corpus, str(out))
    Path("years.jsonl").unlink()
    assert said in ask_here(made).problems


def ask_here(look: Look) -> Answer:
    Path("corpora").mkdir()
    return Inspector(Path("corpora")).answer(look)


# --- large data -----------------------------------------------------------------------------------------------


def test_of_large_data_the_beginning_is_read_and_only_single_rows_are_judged(here, monkeypatch):
    monkeypatch.setattr(samples, "ROWS", 50)
    Path("large.csv").write_text("text,label\n" + "text,a\n" * 50 + "text,b\n" * 50 + "text,\n")
    Path("unlabelled.jsonl").write_text('{"text": "a"}\n' * 60 + '{"text": "b", "label": "x"}\n' * 60)
    planned(with_task("{type: text_classification, data: {files: large.csv}}"))  # the beginning has one label alone
    unlabelled = "{type: text_classification, data: {files: unlabelled.jsonl}KEYS}"
    planned(with_task(unlabelled.replace("KEYS", ", missing_labels: drop")))
    (found,) = problems(with_task(unlabelled.replace("KEYS", "")))
    assert found == "tasks.topic.label_column: unlabelled.jsonl line 1: no column 'label'; known: text"
    (found,) = problems(with_task("{type: text_classification, data: {files: large.csv}, labels: [b, c]}"))
    assert found.startswith("tasks.topic: large.csv line 2: label 'a' of the train split does not occur in labels")
    text = BASE.replace(
        "{files: text.txt, unit: line, split: {validation: 0.1, test: 0.2}}", "{files: large.csv, KEYS}"
    )
    planned(text.replace("KEYS", "min_chars: 5, split: {test: 0.2}"))
    (found,) = problems(text.replace("KEYS", "text: txt"))
    assert found == "corpora.c: large.csv line 2: no column 'txt'; did you mean text?"
    (found,) = problems(text.replace("KEYS", "group: author"))
    assert found == "corpora.c: large.csv line 2: no column 'author'; known: label, text"


def test_a_callable_is_asked_for_no_more_rows_than_are_looked_at(here, monkeypatch):
    monkeypatch.setattr(samples, "ROWS", 50)
    Path("own_endless.py").write_text(
        "def rows():\n    for n in range(10**9):\n"
        "        open('last', 'w').write(str(n)); yield {'text': f'text {n}', 'label': 'ab'[n % 2]}\n"
    )
    planned(with_task("{type: text_classification, data: {python: 'own_endless:rows'}}"))
    assert int(Path("last").read_text()) == 50


def test_every_file_is_opened(here):
    for number in range(30):
        Path(f"part-{number:02}.csv").write_text("text,label\n" + "text,a\ntext,b\n" * 5)
    Path("part-20.csv").write_text("text,lable\nyes,a\n")
    (found,) = problems(with_task("{type: text_classification, data: {files: 'part-*.csv'}}"))
    assert found == "tasks.topic.data: part-20.csv line 2: no column 'label'; did you mean lable?"


# --- what is not looked at, and what cannot be ----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["init", "corpus", "existing"])
def test_a_hub_that_cannot_be_reached_stops_nothing_and_one_that_says_no_does(here, kind, monkeypatch, capsys):
    import huggingface_hub
    from huggingface_hub.errors import RepositoryNotFoundError

    text = {
        "init": BASE.replace("init: [pretrained]", "init: [owner/name]"),
        "corpus": BASE.replace("{files: text.txt, unit: line,", "{hub: {name: owner/name},"),
        "existing": BASE.replace("{corpus: c, vocab_size: 300}", "{existing: owner/name}"),
    }[kind]
    where = {"init": "experiments.init", "corpus": "corpora.c", "existing": "tokenizers.t.existing"}[kind]
    calls: list[str] = []

    def unreachable(self, name, **keys):
        calls.append(name)
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub.HfApi, "repo_info", unreachable)
    planned(text)
    said = f"note: {where}: owner/name: could not be checked, the Hub was not reached (no route)"
    assert said in capsys.readouterr().err.splitlines() and calls == ["owner/name"]
    planned(text)  # it is not asked at every plan
    assert calls == ["owner/name"] and "note" not in capsys.readouterr().err
    (Store().cache / "looks.json").unlink()

    def unknown(self, name, **keys):
        raise RepositoryNotFoundError.__new__(RepositoryNotFoundError)

    monkeypatch.setattr(huggingface_hub.HfApi, "repo_info", unknown)
    (found,) = problems(text)
    assert found.startswith(f"{where}: owner/name: the Hub has no such ")


def test_columns_of_a_hub_dataset_are_checked_on_its_first_rows(here, monkeypatch):
    import datasets

    monkeypatch.setattr(samples, "trouble_on_hub", lambda *_: None)
    given: dict[str, Any] = {}

    def load_dataset(*names, **keys):
        given.update(keys)
        if keys["split"] != "train":
            raise ValueError(f"Bad split: {keys['split']}. Available splits: ['train']")
        return ({"text": f"a {n}", "label": n % 2} for n in range(10**9))

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    task = "{type: text_classification, data: {hub: {name: owner/name, split: SPLIT}}, label_column: COLUMN}"
    planned(with_task(task.replace("SPLIT", "train").replace("COLUMN", "label")))
    assert given["streaming"]
    (found,) = problems(with_task(task.replace("SPLIT", "train").replace("COLUMN", "lable")))
    assert found == "tasks.topic.label_column: owner/name row 1: no column 'lable'; did you mean label?"
    (found,) = problems(with_task(task.replace("SPLIT", "dev").replace("COLUMN", "label")))
    assert "tasks.topic.data: hub: owner/name cannot be loaded (ValueError: Bad split: dev. Available" in found


def test_outside_folders_are_looked_at(here):
    Path("broken").mkdir()
    Path("broken/config.json").write_text("{}")
    for text, said in (
        (
            BASE.replace("init: [pretrained]", "init: [./nosuch]"),
            "experiments.init: there is no folder './nosuch'; give",
        ),
        (BASE.replace("steps: 2", "steps: 2, init: ~/nosuch"), "models.tiny.init: there is no folder '~/nosuch'; give"),
        (
            BASE.replace("init: [pretrained]", "init: [./broken]"),
            "experiments.init: ./broken: no model can be loaded (",
        ),
        (
            BASE.replace("{corpus: c, vocab_size: 300}", "{existing: ./nosuch}"),
            "tokenizers.t.existing: there is no folder",
        ),
    ):
        (found,) = problems(text)
        assert found.startswith(said)


def test_urls_are_not_fetched_but_their_local_copy_is_looked_at(here):
    data = "{url: 'http://localhost:1/rows.csv', cache: rows.csv, sha256: SUM}"
    data = data.replace("SUM", hashlib.sha256(Path("rows.csv").read_bytes()).hexdigest())
    planned(with_task("{type: text_classification, label_column: lable, data: {url: 'http://localhost:1/rows.csv'}}"))
    (found,) = problems(with_task("{type: text_classification, label_column: lable, data: DATA}".replace("DATA", data)))
    assert found == "tasks.topic.label_column: rows.csv line 2: no column 'lable'; did you mean label?"


# --- what it costs --------------------------------------------------------------------------------------------


def test_what_has_been_looked_at_is_not_looked_at_again(here):
    swept = BASE.replace("topic: {", "topic: {sweep: {learning_rate: [1e-4, 1e-5], max_train_rows: [10, 20]}, ")
    planned(swept)
    assert [look.kind for look in here] == ["corpus", "task"]  # rows do not depend on how they are learnt
    planned(swept)
    Path("text.txt").touch()
    planned(swept.replace("steps: 2", "steps: 3"))
    assert len(here) == 2
    Path("rows.csv").write_text(Path("rows.csv").read_text() + "more,\n")
    assert "column label is empty" in problems(swept)[0] and len(here) == 3
    assert problems(swept) and len(here) == 4  # a problem is not remembered: it may lie outside the recipe
    (Store().cache / "looks.json").write_text("{broken")
    problems(swept)
    assert len(here) == 6


def test_only_what_is_to_be_made_is_looked_at(here):
    text = with_task("{type: text_classification, data: {files: rows.csv}, label_column: lable}")
    planned(text, only="pretrain:tiny")
    assert [look.kind for look in here] == ["corpus"]
    planned(text, only="finished")
    planned(text + "check_data: false\n")
    assert len(problems(text)) == 1


# --- the process that looks -----------------------------------------------------------------------------------


def test_a_callable_that_prints_ends_the_process_or_never_returns(monkeypatch, capsys):
    monkeypatch.setattr(inspection, "SECONDS", 3.0)
    Path("own_odd.py").write_text(
        "import os, time\ndef prints(): print('{}'); return ['a', 'b']\ndef ends(): os._exit(7)\n"
    )
    entries = "".join(f"  {name}: {{python: 'own_odd:{name}'}}\n" for name in ("prints", "ends"))
    planned(
        f"corpora:\n{entries}  wrong: {{files: rows.csv, text: txt}}\n".replace("  wrong: {", "  fine: {").replace(
            "txt", "text"
        )
    )
    said = capsys.readouterr().err
    assert "note: corpora.ends: could not be looked at (its process ended with code 7; it said nothing)" in said
    assert problems(f"corpora:\n{entries}  wrong: {{files: rows.csv, text: txt}}\n") == [
        "corpora.wrong: rows.csv line 2: no column 'txt'; did you mean text?"
    ]


def test_what_takes_too_long_is_left_to_the_job(here, monkeypatch, capsys):
    monkeypatch.setattr("snakelm.planning.inspector.SECONDS", 0.2)
    Path("own_slow.py").write_text("import time\ndef rows():\n    time.sleep(60); yield 'a'\n")
    began = time.monotonic()
    text = BASE.replace("{files: text.txt, unit: line,", "{python: 'own_slow:rows',")
    planned(text.replace("data: {files: rows.csv}", "corpus: c"))
    assert time.monotonic() - began < 30
    assert capsys.readouterr().err == "note: corpora.c: could not be looked at within 0.2 s; the job will\n"


def test_from_the_command_line_and_without_heavy_imports_when_nothing_is_new(workspace: Workspace, monkeypatch):
    for name in ("rows.csv", "text.txt"):
        (workspace.folder / name).write_text(Path(name).read_text())
    recipe = workspace.folder / "r.yaml"
    recipe.write_text(with_task("{type: text_classification, data: {files: rows.csv}, label_column: lable}"))
    said = "tasks.topic.label_column: rows.csv line 2: no column 'lable'; did you mean label?"
    for printed in (
        workspace.snakelm("plan", "--configfile", "r.yaml", code=1),
        workspace.snakelm("run", "--configfile", "r.yaml", "--cores", "1", code=1),
    ):
        assert printed.count(said) == 1 and printed.splitlines()[-1] == said
    recipe.write_text(BASE)
    assert "to do" in workspace.snakelm("plan", "--configfile", "r.yaml")
    printed = workspace.python("-X", "importtime", "-m", "snakelm", "plan", "--configfile", "r.yaml")
    imported = {line.rpartition("|")[2].strip() for line in printed.splitlines()}
    assert "snakelm.planning.inspection" in imported
    assert not {"torch", "transformers", "pandas", "numpy", "pyarrow", "snakelm.planning.inspector"} & imported
    workspace.snakemake("--unlock", "--configfile", "r.yaml")


def test_jobs_look_at_nothing_again(workspace: Workspace):
    (workspace.folder / "own_counted.py").write_text(
        "def load():\n    open('calls', 'a').write('x'); return ['a text']\n"
    )
    (workspace.folder / "r.yaml").write_text("corpora: {c: {python: 'own_counted:load', split: none}}\n")
    workspace.snakelm("run", "--configfile", "r.yaml", "--cores", "1")
    assert (workspace.folder / "calls").read_text() == "xx"  # when it was planned, and by the job
