"""The report against numbers worked out by hand, hard names, missing runs, and itself made twice."""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from snakelm.core.errors import UserError
from snakelm.report.config import ReportRunConfig
from snakelm.report.report import report
from snakelm.report.tables import METRICS
from snakelm.runs.context import RunContext
from snakelm.runs.records import Subject
from snakelm.runs.store import read_manifest
from tests.report.fake_runs import Results, tsv, ugly, usual

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """The page as a browser would read it: elements, their attributes, the rows of the results tables, all text."""

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.html = html
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.rows: dict[tuple[str, str, str], dict[str, str]] = {}
        self.text = ""
        self.charts: list[dict[str, Any]] = []
        self.tables: dict[str, dict[str, Any]] = {}
        """What page.js draws, and the tables that it makes."""
        self.scripts: list[str] = []
        self._row: dict[str, str] | None = None
        self._cell = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        given = {key: value or "" for key, value in attributes}
        self.tags.append((tag, given))
        if tag not in VOID:
            self.open.append(tag)
        if "data-model" in given:
            self._row = {}
            self.rows[given["data-task"], given["data-model"], given["data-metric"]] = self._row
        self._cell = given.get("data-label", self._cell)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, {key: value or "" for key, value in attributes}))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()
        if tag == "tr":
            self._row = None

    def handle_data(self, data):
        if self.open[-1:] == ["style"]:
            return
        if self.open[-1:] == ["script"]:
            if self.tags[-1][1].get("type") != "application/json":
                self.scripts.append(data)
                return
            found = json.loads(data)
            if "kind" in found:
                self.charts.append(found)
            else:
                self.tables[found["name"]] = found
            self.text += found.get("title", "")
            return
        self.text += data
        if self._row is not None and self._cell and "td" in self.open:
            self._row[self._cell] = f"{self._row.get(self._cell, '')} {data}".strip()


def make(results: Results, out: Path, **config) -> tuple[Page, dict, list[dict[str, str]]]:
    """(page, headline, rows of metrics.tsv) of a report on these results."""
    out.mkdir()
    headline = report(
        RunContext("default", ReportRunConfig(**config), results.parents, out, out, subjects=results.subjects)
    )
    with (out / "metrics.tsv").open(encoding="utf-8", newline="") as lines:
        scores = list(csv.DictReader(lines, delimiter="\t"))
    page = Page((out / "report.html").read_text(encoding="utf-8"))
    assert page.open == []
    return page, headline, scores


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    root = tmp_path_factory.mktemp("usual")
    results = usual(root / "results")
    return results, root / "out", *make(results, root / "out", title="Union")


@pytest.fixture(scope="module")
def hard(tmp_path_factory):
    root = tmp_path_factory.mktemp("ugly")
    results = ugly(root / "results")
    return results, root / "out", *make(results, root / "out")


def test_intervals_are_students(story):
    """Three seeds: t(0.975, 2) = 4.302653. Pretrained .585 .591 .571 has mean .582333 and s = .0102632, so
    ± .0254954; the paired differences .089 .109 .064 have mean .087333 and s = .0225462, so ± .0560081."""
    _, _, page, headline, _ = story
    row = page.rows["era", "tiny", "accuracy"]
    assert words(row["pretrained"]) == "0.582 [0.557, 0.608] n = 3"
    assert words(row["random"]) == "0.495 [0.464, 0.526] n = 3"
    assert words(row["difference"]) == "+0.087 [+0.031, +0.143] n = 3 ▲ better, not after Holm’s correction"
    answers = headline.pop("answers")
    assert headline == {
        **{"comparisons": 3, "better": 2, "worse": 0, "equivalent": 0, "inconclusive": 1, "scores": 36},
    }
    reserve = "(not after Holm’s correction) (other test rows may differ)"
    assert answers[0] == f"era: pretraining helps, +0.087 [+0.031, +0.143] {reserve}"
    assert answers[1].startswith("party: whether pretraining helps is open, +0.003 [−0.097, +0.104]")
    assert all(answer in page.text for answer in answers)


def test_smaller_is_better_and_not_clear(story):
    _, _, page, *_ = story
    year = words(page.rows["year", "tiny", "rmse"]["difference"])
    assert year == "−7.80 [−12.65, −2.95] n = 3 ▲ better, not after Holm’s correction"
    assert "○ inconclusive" in page.rows["party", "tiny", "macro_f1"]["difference"]
    assert "rmse, lower is better, 800 test rows" in page.text


def test_confidence_widens_the_interval(tmp_path):
    """t(0.995, 2) = 9.924843, so the difference of era is .087333 ± .129191: no longer clear of 0."""
    page, headline, _ = make(usual(tmp_path / "results", confidence=0.99), tmp_path / "out")
    assert words(page.rows["era", "tiny", "accuracy"]["difference"]).startswith("+0.087 [−0.042, +0.217] n = 3 ○")
    assert "99 % interval" in page.text
    assert headline["better"] < 2


def test_metrics_has_every_score_once(story, hard):
    _, _, _, headline, scores = story
    assert tuple(scores[0]) == METRICS
    assert len(scores) == headline["scores"] == 3 * 2 * 3 * 2
    assert len({tuple(row[key] for key in list(row)[:6]) for row in scores}) == len(scores)
    wanted = {"model": "tiny", "task": "era", "init": "random", "seed": "2", "metric": "accuracy"}
    evaluation = read_manifest(story[0].parents["evaluate:tiny.era.random"]).id
    rest = {"split": "test", "value": "0.482", "n": "800", "main": "true", "greater_is_better": "true"}
    assert wanted | rest | {"status": "ok", "run": "", "evaluation": evaluation} in scores
    results, _, _, _, scores = hard
    written = 0
    for folder in results.parents.values():
        if folder.parent.name == "evaluate":
            written += len((folder / "metrics.tsv").read_text(encoding="utf-8").splitlines()) - 1
    assert len(scores) == written
    assert sum(math.isnan(float(row["value"])) for row in scores) == 3 * 2 + 3 * 5


def test_hard_names_are_only_text(hard, story):
    _, out, page, *_ = hard
    assert ("era", "<script>alert(1)</script>", "accuracy") in page.rows
    assert "</pre><script>alert(2)</script>" in page.text
    assert page.scripts == story[2].scripts and len(page.scripts) == 4
    assert not {"b", "iframe", "object", "link", "img"} & {tag for tag, _ in page.tags}
    assert "\x00" not in (out / "report.html").read_text(encoding="utf-8")


def test_missing_cells_and_single_seeds_are_said(hard):
    _, _, page, headline, _ = hard
    era = {model: row for (task, model, _), row in page.rows.items() if task == "era"}
    assert list(era).index("m2") < list(era).index("m10")
    assert words(era["gpt-2.0_x$^{2}$"]["pretrained"]).endswith("n = 1") and "[" not in era["gpt-2.0_x$^{2}$"]["random"]
    assert "one seed: no interval" in era["gpt-2.0_x$^{2}$"]["difference"]
    assert era["m2"]["random"].startswith("n/a") and era["m2"]["difference"] == "no seed has a value in both"
    assert "n = 4 of 5" in words(era["m10"]["difference"])
    assert era["_" + "long" * 18] | {"random": "not run", "difference": "no random runs"} == era["_" + "long" * 18]
    assert words(era["m2"]["majority-class"]) == "0.310"
    assert words(era["m2"]["best baseline"]).endswith("n = 5 ▲ better (majority-class)")
    assert headline["comparisons"] == 6 * 3 - 2 - 3
    assert "loss is not a finite number at 1 point" in page.text


def test_the_file_needs_nothing_else(story, hard):
    for _, out, page, *_ in (story, hard):
        for tag, attributes in page.tags:
            for key, value in attributes.items():
                assert not key.startswith("on"), (tag, key)
                if key in ("src", "href", "xlink:href", "srcset", "data", "action"):
                    assert value.startswith("#"), (tag, key, value)
        html = (out / "report.html").read_text(encoding="utf-8")
        for loading in ("@import", "url(http", "<script src", "<link", 'url("', "url(data"):
            assert loading not in html
        inside = [value[1:] for _, given in page.tags for key, value in given.items() if key.endswith("href")]
        ids = {given["id"] for _, given in page.tags if "id" in given}
        assert inside and set(inside) <= ids


def test_nothing_of_the_machine_is_shown(story):
    results, out, *_ = story
    html = (out / "report.html").read_text(encoding="utf-8")
    assert "secret-host" not in html and "12.5" not in html and "hunter2" not in html
    assert str(results.root) not in html
    with (out / "circumstance" / "durations.tsv").open(newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    assert len(rows) == len(results.parents) and {row["seconds"] for row in rows} == {"12.500"}


def test_the_same_bytes_again(tmp_path):
    """In fresh processes, with other hash seeds and other circumstances of the parents."""
    made = []
    for seed in ("1", "2"):
        out = tmp_path / seed
        environment = os.environ | {"PYTHONHASHSEED": seed, "TZ": f"Etc/GMT+{seed}"}
        subprocess.run(
            [sys.executable, "-m", "tests.report.look", out, "ugly"], check=True, env=environment, capture_output=True
        )
        files = [file for file in sorted(out.rglob("*")) if file.is_file() and file.parent.name != "circumstance"]
        made.append({file.name: file.read_bytes() for file in files})
    assert set(made[0]) == {"report.html", "metrics.tsv", "summary.tsv", "results.svg", "results.png"}
    assert made[0] == made[1]


def test_order_and_circumstance_of_parents_do_not_count(story, tmp_path):
    _, out, *_ = story
    again = usual(tmp_path / "elsewhere")
    for folder in again.parents.values():
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(manifest | {"circumstance": {"seconds": 99}}))
    again.parents = dict(reversed(again.parents.items()))
    make(again, tmp_path / "out", title="Union")
    for name in ("report.html", "metrics.tsv", "summary.tsv", "results.svg", "results.png"):
        assert (tmp_path / "out" / name).read_bytes() == (out / name).read_bytes(), name


@pytest.mark.parametrize("which", ["nothing", "tokenizers", "corpora", "models"])
def test_recipes_without_experiments(which, tmp_path):
    results = Results(tmp_path / "results")
    if which == "tokenizers":
        results.tokenizer("bpe", bytes_per_token=3.25)
    if which == "corpora":
        results.corpus("sotu", documents={"train": 12345, "test": 67}, dropped={"null": 4, "short": 0})
    if which == "models":
        results.pretrain("tiny", steps=50)
        results.pretrain("no-curve")
        (results.parents["pretrain:no-curve"] / "curve.tsv").unlink()
    page, headline, scores = make(results, tmp_path / "out")
    assert "no finished experiments" in page.text and scores == [] and headline["comparisons"] == 0
    shown = {"nothing": "no runs to show", "tokenizers": "3.250", "corpora": "12,345", "models": "Loss, nats"}
    assert shown[which] in page.text
    assert not (tmp_path / "out" / "results.svg").exists()


def test_fine_tunings_that_two_models_share_are_in_both_panels(tmp_path):
    results = Results(tmp_path / "results")
    shared = read_manifest(results.finetune("a", "era", "random", 1, 0.5)).id
    for model in ("a", "b"):
        results.finetune(model, "era", "pretrained", 1, 0.6)
        for init in ("pretrained", "random"):
            results.evaluate(model, "era", init, {1: 0.5}, parents=[shared] if init == "random" else [])
    page, *_ = make(results, tmp_path / "out")
    panels = [chart for chart in page.charts if chart["title"].startswith("Fine-tuning")]
    assert [{line["name"] for line in panel["series"]} for panel in panels] == [{"pretrained", "random"}] * 2


def test_unreadable_parents_are_one_clear_line(tmp_path):
    results = Results(tmp_path / "results")
    subject = Subject(model="m", task="t", init="random")
    folder = results.add("evaluate", "m.t.random", subject, {"metrics.tsv": tsv([("seed", "value"), (1, 0.5)])})
    with pytest.raises(UserError, match=r"metrics\.tsv: no column metric"):
        make(results, tmp_path / "a")
    (folder / "manifest.json").write_text("{")
    with pytest.raises(UserError, match=r"manifest\.json: not readable"):
        make(results, tmp_path / "b")
    (folder / "manifest.json").unlink()
    with pytest.raises(UserError, match=r"evaluate/m\.t\.random-.*manifest\.json: not readable .*make that run again"):
        make(results, tmp_path / "c")


def test_sizes_of_a_task_make_a_learning_curve(tmp_path):
    results = Results(tmp_path / "results")
    for size in (200, 500, 2000):
        for init, level in (("pretrained", 0.6), ("random", 0.5)):
            task = f"era-{size}"
            results.evaluate("tiny", task, init, {1: level + size / 2e4, 2: level + size / 3e4})
            results.finetune("tiny", task, init, 1, level, size)
    for task in ("part-1", "part-2"):
        results.evaluate("tiny", task, "random", {1: 0.5})
        results.finetune("tiny", task, "random", 1, 0.5)
    page, *_ = make(results, tmp_path / "out")
    assert page.text.count("by the number of labelled rows") == 1
    (chart,) = [chart for chart in page.charts if chart["x"] == "labelled rows"]
    assert chart["log"] and {line["name"]: line["x"] for line in chart["series"]} == dict.fromkeys(
        ("pretrained", "random"), [200, 500, 2000]
    )
    assert "tiny on era-200 to era-2000 by the number of labelled rows" in page.text
    assert "validation accuracy" in page.text


def test_seeds_that_all_agree_get_no_interval_of_width_zero(tmp_path):
    results = Results(tmp_path / "results")
    results.evaluate("tiny", "era", "frozen", {1: 0.31, 2: 0.31, 3: 0.31})
    results.evaluate("tiny", "era", "majority", {"": 0.31})
    results.evaluate("tiny", "era", "pretrained", {1: 0.5, 2: 0.6, 3: 0.7})
    results.evaluate("tiny", "era", "random", {1: 0.4, 2: 0.5, 3: 0.6})
    page, *_ = make(results, tmp_path / "out")
    row = page.rows["era", "tiny", "accuracy"]
    assert words(row["frozen"]) == "0.310 the same in every seed n = 3" and words(row["majority"]) == "0.310"
    assert words(row["difference"]) == "+0.100 the same in every seed n = 3 ▲ better"


def test_tokenizers_are_compared_with_their_samples(tmp_path):
    results = Results(tmp_path / "results")
    results.tokenizer("bpe", kind="byte_level_bpe", bytes_per_token=3.91, whole_words=0.7512, tokens=12345)
    results.tokenizer("bad", kind="unigram", bytes_per_token=4.2)
    results.tokenizer("unmeasured")
    hostile = '<div class="tokens"><span style="background:url(https://example.org/x)">a</span></div>'
    (results.parents["save_tokenizer:bad"] / "sample.html").write_text(hostile)
    page, *_ = make(results, tmp_path / "out")
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "75.12\u202f%" in page.text and "byte_level_bpe" in page.text and "4,096" in page.text
    assert html.count('<div class="tokens"') == 1 and "example.org" not in html
    assert "Tokenizers side by side" in html


def test_one_tokenizer_alone_is_not_compared(tmp_path):
    results = Results(tmp_path / "results")
    results.tokenizer("bpe", bytes_per_token=3.91)
    make(results, tmp_path / "out")
    assert "side by side" not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "<script>x</script>",
        "<div onclick='x'>a</div>",
        "<div>a</div></section>",
        "<div>a",
        "<img src=x>",
        "<!-- a -->",
        "<div/>",
        "<div>a</div><script ",
        '<div>a</div><script a="</div>',
        "<s style='background:url(x)'>a</s>",
    ],
)
def test_only_coloured_text_counts_as_a_sample(text, tmp_path):
    results = Results(tmp_path / "results")
    results.tokenizer("bpe", kind="unigram")
    (results.parents["save_tokenizer:bpe"] / "sample.html").write_text(text)
    page, *_ = make(results, tmp_path / "out")
    assert "Hover over a token" not in page.text


def sweep(root: Path) -> Results:
    """Float sweeps on a model and a task: 2 × 2 cells; the random twins of the two models are the same runs."""
    results = Results(root)
    for task_rate, level in ((1e-4, 0.5), (1e-3, 0.7)):
        task = f"topic-learning_rate={task_rate:g}"
        folder = results.evaluate("tiny-learning_rate=0.001", task, "random", {1: level, 2: level + 0.02})
        twin = results.parents.pop(f"evaluate:tiny-learning_rate=0.001.{task}.random")
        assert twin == folder
        for rate in (1e-3, 3e-4):
            model = f"tiny-learning_rate={rate:g}"
            swept = {"models": {"learning_rate": rate}, "tasks": {"learning_rate": task_rate}}
            results.evaluate(model, task, "pretrained", {1: level + 100 * rate, 2: level + 100 * rate}, swept=swept)
            results.parents[f"random twin of {model} on {task}"] = folder
            results.subjects[f"random twin of {model} on {task}"] = Subject(
                model=model, task=task, init="random", swept=swept
            )
    results.evaluate("plain", "topic", "random", {1: 0.25})
    return results


def test_sweeps_over_floats_are_grouped_by_model_and_task(tmp_path):
    page, headline, scores = make(sweep(tmp_path / "results"), tmp_path / "out")
    small, large = "topic-learning_rate=0.0001", "topic-learning_rate=0.001"
    slow, fast = "tiny-learning_rate=0.0003", "tiny-learning_rate=0.001"
    assert list(page.rows) == [
        ("topic", "plain", "accuracy"),
        *((task, model, "accuracy") for task in (small, large) for model in (slow, fast)),
    ]
    assert headline["comparisons"] == 4
    assert words(page.rows[large, slow, "accuracy"]["pretrained"]) == "0.730 the same in every seed n = 2"
    assert words(page.rows[large, fast, "accuracy"]["random"]) == "0.710 [0.583, 0.837] n = 2"
    assert list(scores[0]) == [*METRICS, "models.learning_rate", "tasks.learning_rate"]
    assert len(scores) == headline["scores"] == 4 * 2 * 2 + 1
    wanted = {"model": slow, "task": small, "init": "random", "seed": "2", "metric": "accuracy", "value": "0.52"}
    swept = {"models.learning_rate": "0.0003", "tasks.learning_rate": "0.0001"}
    assert any(wanted.items() | swept.items() <= row.items() for row in scores)
    assert [row["models.learning_rate"] for row in scores if row["model"] == "plain"] == [""]


def test_roles_mean_nothing(story, tmp_path):
    _, out, *_ = story
    again = usual(tmp_path / "elsewhere")
    again.parents = {f"parent {number}": folder for number, folder in enumerate(again.parents.values())}
    make(again, tmp_path / "out", title="Union")
    for name in ("report.html", "metrics.tsv", "summary.tsv", "results.svg", "results.png"):
        assert (tmp_path / "out" / name).read_bytes() == (out / name).read_bytes(), name


def test_entries_that_were_renamed_have_their_new_names(tmp_path):
    results = Results(tmp_path / "results")
    results.pretrain("old", steps=50)
    results.evaluate("old", "era", "random", {1: 0.5})
    results.subjects = {
        "pretrain:old": Subject(model="new"),
        "evaluate:old.era.random": Subject(model="new", task="age", init="random"),
    }
    page, _, scores = make(results, tmp_path / "out")
    assert [(row["model"], row["task"]) for row in scores] == [("new", "age")]
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert '<th scope="row">new</th>' in html.split('<section id="pretraining">')[1].split("</section>")[0]


def test_a_spoilt_manifest_is_read_from_its_copy(story, tmp_path):
    _, out, *_ = story
    again = usual(tmp_path / "elsewhere")
    for place, folder in enumerate(again.parents.values()):
        (folder / "manifest.json").rename(folder / ".manifest.json")
        if place % 2:
            (folder / "manifest.json").write_text("{")
    make(again, tmp_path / "out", title="Union")
    assert (tmp_path / "out" / "report.html").read_bytes() == (out / "report.html").read_bytes()


def test_sizes_are_told_by_the_settings_and_not_by_the_names(tmp_path):
    results = Results(tmp_path / "results")
    for task, size, file in (("few", 200, "a"), ("many", 500, "a"), ("x-200", 200, "b"), ("y-500", 500, "c")):
        results.evaluate("tiny", task, "random", {1: 0.5, 2: 0.6})
        results.finetune("tiny", task, "random", 1, 0.5, size, file)
    page, *_ = make(results, tmp_path / "out")
    assert "tiny on few to many by the number of labelled rows" in page.text
    assert page.text.count("by the number of labelled rows") == 1
