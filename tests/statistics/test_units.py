"""What the units of a test contribute to metrics, against leaving them out one by one."""

from __future__ import annotations

import numpy as np
import pandas
import pytest

from snakelm.metrics.tags import NO_TAG
from snakelm.statistics.units import Units, contributions
from snakelm.tasks.config import task_types
from snakelm.tasks.metrics import Metrics

RANDOM = np.random.default_rng(5)
ROWS = 23
WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "the", "dog", "lay", "in", "red", "grass"]


def pick(options, size=None):
    return (
        [options[n] for n in RANDOM.integers(len(options), size=size)]
        if size
        else options[RANDOM.integers(len(options))]
    )


def text(lowest=5):
    return " ".join(pick(WORDS, RANDOM.integers(lowest, 12)))


def tags(options, wrong):
    """Gold and predicted tags of sentences."""
    gold = [pick(options, RANDOM.integers(1, 8)) for _ in range(ROWS)]
    guess = [[tag if RANDOM.random() > 0.4 else pick([*options, wrong]) for tag in row] for row in gold]
    return {"gold": gold, "prediction": guess}


def sets():
    gold = [
        sorted(set(pick(list("abcd"), RANDOM.integers(0, 4)) if RANDOM.random() > 0.2 else [])) for _ in range(ROWS)
    ]
    return {"gold": gold, "prediction": [row if RANDOM.random() > 0.5 else pick(gold) for row in gold]}


def numbers():
    gold = RANDOM.integers(1790, 1800, ROWS).astype(float)  # with ties
    return {"gold": gold, "prediction": np.round(gold + RANDOM.normal(0, 3, ROWS))}


def questions():
    gold = [[text(1), text(2)] if RANDOM.random() > 0.3 else [] for _ in range(ROWS)]
    guess = [(answers[0] + " cat" if answers and RANDOM.random() > 0.5 else "") for answers in gold]
    return {"gold": gold, "prediction": guess, "context": [f"context {n // 3}" for n in range(ROWS)]}


def labels(options):
    gold = pick(options, ROWS)
    return {"gold": gold, "prediction": [one if RANDOM.random() > 0.4 else pick(options) for one in gold]}


TABLES = {
    "text_classification": labels(list("abc") + ["rare"]),
    "text_classification (several)": sets(),
    "regression": numbers(),
    "token_classification": tags(["O", "B-PER", "I-PER", "B-LOC"], NO_TAG),
    "token_classification (words)": tags(["NOUN", "VERB", "X"], ""),
    "question_answering": questions(),
    "multiple_choice": labels([0, 1, 2]),
    "summarization": {"gold": [text() for _ in range(ROWS)], "prediction": [text() for _ in range(ROWS)]},
    "translation": {"gold": [text() for _ in range(ROWS)], "prediction": [text() for _ in range(ROWS)]},
    "language_modeling": {
        "nats": RANDOM.gamma(9, 9, ROWS),
        "tokens": RANDOM.integers(5, 30, ROWS),
        "bytes": RANDOM.integers(20, 90, ROWS),
    },
    "minimal_pairs": labels([0, 1]) | {"phenomenon": pick(["x", "y", "z"], ROWS)},
}


def test_every_type_is_here():
    assert {name.partition(" ")[0] for name in TABLES} == set(task_types)


@pytest.mark.parametrize("grouped", [False, True], ids=["rows", "groups"])
@pytest.mark.parametrize("name", TABLES)
def test_without_a_unit_the_metric_is_that_of_the_other_rows(name, grouped):
    metrics = task_types.get(name.partition(" ")[0]).metrics
    table = pandas.DataFrame({key: pandas.Series(list(cells)) for key, cells in TABLES[name].items()})
    if grouped:
        table["group"] = [f"document {n % 7}" for n in range(ROWS)]
    units = metrics.units(table)
    assert units.count == (7 if grouped else 8 if "context" in table else ROWS)
    found, score = metrics.without(table, units), metrics.score(table)
    assert found.keys() >= score.keys()
    for unit in range(units.count):
        rest = metrics.score(table[units.of_row != unit].reset_index(drop=True))
        for metric in score:
            if metric in rest:
                assert found[metric][unit] == pytest.approx(rest[metric], abs=1e-9), (metric, unit)
    for metric, values in metrics.contributions(table, score).items():
        assert values.shape == (units.count,) and values.mean() == pytest.approx(score[metric], abs=1e-9), metric


def test_rows_of_a_mean_contribute_their_own_scores():
    table = pandas.DataFrame({"gold": [0, 1, 0, 2], "prediction": [0, 1, 2, 2]})
    metrics = task_types.get("multiple_choice").metrics
    assert metrics.contributions(table, metrics.score(table))["accuracy"] == pytest.approx([1, 1, 0, 1])


def test_a_metric_that_says_nothing_of_rows_is_computed_without_blocks_of_them():
    def hits(table):
        return {"hits": float((table["gold"] == table["prediction"]).mean())}

    gold = RANDOM.integers(0, 2, 1000)
    table = pandas.DataFrame({"gold": gold, "prediction": np.where(RANDOM.random(1000) < 0.7, gold, 1 - gold)})
    found = Metrics(hits, ("hits",)).contributions(table, hits(table))["hits"]
    assert found.shape == (100,) and found.mean() == pytest.approx(hits(table)["hits"])
    variance = found.var(ddof=1) / 100
    assert variance == pytest.approx(0.7 * 0.3 / 1000, rel=0.5)


def test_a_large_test_is_thrown_into_blocks_at_random():
    sorted_rows = np.repeat([0.0, 1.0], 5000)
    units = Units.of(10_000, most=100)
    assert units.count == 100 and set(np.bincount(units.of_row)) == {100}
    found = contributions(0.5, units.mean_without(sorted_rows))
    assert found.var(ddof=1) / 100 == pytest.approx(0.25 / 10_000, rel=0.4)  # every 100th row would give 0
    assert (Units.of(10_000, most=100).of_row == units.of_row).all()


def test_one_unit_and_what_is_not_defined():
    assert contributions(0.5, np.array([np.nan])) == [0.5]
    one = Metrics(lambda table: {"x": float(table["gold"].mean())}, ("x",))
    assert one.contributions(pandas.DataFrame({"gold": [2.0]}), {"x": 2.0})["x"] == [2.0]
