"""Baselines are as good as a careful person would make them."""

from __future__ import annotations

import random

import numpy
import pandas
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from snakelm.tasks.baselines import rotated, tfidf
from snakelm.tasks.config import task_types
from snakelm.tasks.data import TaskData

VOCABULARY = [f"{a}{b}{c}" for a in "bdgkmprst" for b in "aeiou" for c in ("n", "l", "st", "rk", "")]


def pairs(count: int, seed: int) -> pandas.DataFrame:
    """Pairs of sentences and the share of words that they have in common."""
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        one = draw.sample(VOCABULARY, 8)
        common = draw.randint(0, 8)
        other = [*one[:common], *draw.sample(VOCABULARY, 8 - common)]
        draw.shuffle(other)
        rows.append({"text": " ".join(one), "text_pair": " ".join(other), "gold": common / 8})
    return pandas.DataFrame(rows).assign(row=range(count))


def answered(train: pandas.DataFrame, test: pandas.DataFrame, kind: str = "tfidf", **keys) -> pandas.DataFrame:
    task = task_types.validate({"data": {"files": "d.csv"}, **keys})
    golds = [[gold] if isinstance(gold, str) else gold for gold in train["gold"]]
    labels = sorted({label for gold in golds for label in gold}) if keys["type"] != "regression" else None
    return task.baselines[kind](task, TaskData({"train": train, "test": test}, labels, {}))(test)


def test_relatedness_of_pairs():
    train, test = pairs(300, 1), pairs(200, 2)
    found = answered(train, test, type="regression", text_pair_column="text_pair")
    vectors = TfidfVectorizer().fit(train["text"])
    one, other = (vectors.transform(test[name]) for name in ("text", "text_pair"))
    cosine = numpy.asarray(one.multiply(other).sum(1))[:, 0]
    plain = numpy.corrcoef(test["gold"], cosine)[0, 1]
    assert numpy.corrcoef(test["gold"], found["prediction"])[0, 1] >= plain - 0.01 > 0.8


def test_paraphrases():
    train, test = (
        frame.assign(gold=numpy.where(frame["gold"] > 0.5, "yes", "no")) for frame in (pairs(300, 1), pairs(200, 2))
    )
    found = answered(train, test, type="text_classification", text_pair_column="text_pair")
    assert (found["gold"] == found["prediction"]).mean() > 0.85


@pytest.mark.parametrize("rows", [4, 60])
def test_few_rows_and_rare_labels(rows):
    """Nothing to tune on, or a label that a fold lacks: an answer all the same, and the same one each time."""
    train = pandas.DataFrame({"text": [f"word{n} thing" for n in range(rows)], "gold": ["a", "b"] * (rows // 2)})
    train.loc[0, "gold"] = "rare"
    first, second = (answered(train, train, type="text_classification") for _ in range(2))
    assert first.equals(second) and len(first) == rows
    several = train.assign(gold=[[label] for label in train["gold"]])
    found = answered(several, several, type="text_classification", multi_label=True)
    assert len(found) == rows


def test_the_rotated_matrix_gives_the_same_predictions():
    """A penalised linear model has its weights in the span of its training rows."""
    from sklearn.linear_model import LogisticRegression

    random = numpy.random.default_rng(0)
    words = [f"w{n}" for n in range(300)]
    frames = [
        pandas.DataFrame({"text": [" ".join(random.choice(words, 20)) for _ in range(rows)]}) for rows in (60, 40)
    ]
    gold = random.integers(0, 3, 60)
    features, seen = tfidf(frames[0])
    small, small_seen = rotated(features, seen)
    assert small.shape[0] == 60 and small.shape[1] <= 60 < features.shape[1]
    assert small_seen(frames[0]) == pytest.approx(small, abs=1e-9)
    wide, narrow = (LogisticRegression(C=10, max_iter=1000).fit(x, gold) for x in (features, small))
    assert narrow.predict_proba(small_seen(frames[1])) == pytest.approx(wide.predict_proba(seen(frames[1])), abs=1e-6)
    few = features[:, :10]
    assert rotated(few, seen)[0] is few, "there is nothing to gain"
