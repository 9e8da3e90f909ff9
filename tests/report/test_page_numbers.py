"""Numbers of the page against those that a few lines of plain Python make of the prediction files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pandas
import pytest

from tests.report.fake_runs import Results
from tests.report.test_report import Page
from tests.report.test_summary import QUALITY, made, score, write  # noqa: F401 (a fixture)

SEEDS = (1, 2, 3)


@pytest.fixture(scope="module")
def page(made: tuple[Results, Path], tmp_path_factory: pytest.TempPathFactory) -> Page:  # noqa: F811
    return write(made[0], tmp_path_factory.mktemp("numbers") / "out")[2]


def answers(made: tuple[Results, Path], task: str, init: str, seed: int) -> tuple[list[Any], list[Any]]:  # noqa: F811
    table = pandas.read_parquet(made[1] / f"{task}.{init}.{seed}" / "predictions.parquet")
    return table["gold"].tolist(), table["prediction"].tolist()


def mean(made: tuple[Results, Path], task: str, init: str) -> float:  # noqa: F811
    seeds = SEEDS if init in ("pretrained", "random") else (1,)
    return sum(score(task, *answers(made, task, init, seed)) for seed in seeds) / len(seeds)


def chart(page: Page, start: str) -> dict[str, Any]:
    (found,) = [chart for chart in page.charts if chart["title"].startswith(start)]
    return found


@pytest.mark.parametrize(("task", "metric"), [("topic", "accuracy"), ("size", "pearson")])
def test_scores_and_differences(made, page, task, metric):  # noqa: F811
    scores = {line["name"]: line["y"][0] for line in chart(page, f"Scores of the models on {task}")["series"]}
    wanted = {init: mean(made, task, init) for init in QUALITY}
    assert scores == pytest.approx(wanted, abs=2e-6)
    forest = chart(page, f"Forest plot: pretrained − random by {metric}")
    assert forest["names"] == [task]
    assert forest["series"][0]["y"] == pytest.approx([wanted["pretrained"] - wanted["random"]], abs=2e-6)
    rival = chart(page, f"Forest plot: pretrained − best baseline by {metric}")
    assert rival["series"][0]["y"] == pytest.approx([wanted["pretrained"] - wanted["tfidf"]], abs=2e-6)
    titles = [column["title"] for column in page.tables["scoreboard"]["columns"]]
    row = next(
        found
        for row in page.tables["scoreboard"]["rows"]
        if (found := dict(zip(titles, row, strict=True)))["task"] == task and found["metric"] == metric
    )
    assert row["pretrained"] == pytest.approx(wanted["pretrained"], abs=6e-4)
    assert row["− random"] == pytest.approx(wanted["pretrained"] - wanted["random"], abs=6e-4)
    assert row["best baseline"] == "tfidf" and row["seeds"] == 3 and row["test rows"] == 120


def test_labels_and_confusion(made, page):  # noqa: F811
    pairs: Counter[tuple[str, str]] = Counter()
    for seed in SEEDS:
        pairs.update(zip(*answers(made, "topic", "pretrained", seed), strict=True))
    section = page.html.split('<table class="confusion">')[1].split("</table>")[0]
    cells = [int(cell.split(">")[1]) for cell in section.split("<td")[1:] for cell in [cell.split("</td>")[0]]]
    assert cells == [pairs[gold, guess] for gold in "ab" for guess in "ab"]
    balance = chart(page, "How often each label of topic")
    assert balance["names"] == ["a", "b"]
    gold = [sum(count for (label, _), count in pairs.items() if label == one) / 3 for one in "ab"]
    guessed = [sum(count for (_, label), count in pairs.items() if label == one) / 3 for one in "ab"]
    assert [line["y"] for line in balance["series"]] == [pytest.approx(gold), pytest.approx(guessed, abs=0.006)]
    quality = {line["name"]: line["y"] for line in chart(page, "Precision, recall and F1")["series"]}
    by_seed = []
    for seed in SEEDS:
        rows = list(zip(*answers(made, "topic", "pretrained", seed), strict=True))
        by_seed.append(sum(pair == ("a", "a") for pair in rows) / sum(gold == "a" for gold, _ in rows))
    assert quality["recall"][0] == pytest.approx(sum(by_seed) / 3, abs=1e-4)
