"""Chances in predictions, and the threshold that decides by them."""

from __future__ import annotations

import numpy
import pandas
import pytest
from sklearn.metrics import f1_score

from snakelm.tasks.chances import best_threshold, chance_column, decided, with_chances
from snakelm.tasks.config import task_types

LABELS = ["a", "b", "c"]


def table(chances: list[list[float]], golds: list[list[str]]) -> pandas.DataFrame:
    return with_chances(pandas.DataFrame({"gold": pandas.Series(golds)}), LABELS, numpy.array(chances))


def test_decisions():
    found = decided(table([[0.6, 0.2, 0.1], [0.3, 0.3, 0.0]], [["a"], []]), LABELS, 0.25)
    assert list(found.columns) == ["gold", "prediction", "score", "p(a)", "p(b)", "p(c)"]
    assert found["prediction"].tolist() == [["a"], ["a", "b"]]
    assert found["score"].tolist() == [0.6, 0.3]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("digits", [1, 6])
def test_no_threshold_is_better(seed, digits):
    """Against scikit-learn's F1 at every threshold, with many equal chances and with none."""
    random = numpy.random.default_rng(seed)
    chances = random.random((40, 3)).round(digits) * 0.3  # never above 0.5: at 0.5 nothing would be predicted
    gold = random.random((40, 3)) < chances + 0.1
    frame = table(chances.tolist(), [[LABELS[c] for c in numpy.flatnonzero(row)] for row in gold])
    threshold = best_threshold(frame, LABELS)

    def f1(at: float) -> float:
        return f1_score(gold, chances > at, average="micro", zero_division=0)

    assert f1(threshold) == pytest.approx(max(f1(at) for at in [0.0, *chances.ravel()]))
    assert f1(threshold) > f1(0.5) == 0
    assert threshold not in chances.ravel()
    found = decided(frame, LABELS, threshold)["prediction"]
    assert [set(row) for row in found] == [{LABELS[c] for c in numpy.flatnonzero(row > threshold)} for row in chances]


def test_where_nothing_can_be_tuned():
    assert best_threshold(table([[0.9, 0.1, 0.1]], [[]]), LABELS) == 0.5
    assert best_threshold(table([[0.9, 0.1, 0.1]], [["unseen"]]), LABELS) == 0.5
    assert 0 < best_threshold(table([[0.2, 0.2, 0.2]], [["a"]]), LABELS) < 0.2


def test_labels_that_cannot_be_predicted_count_as_missed():
    golds = [["a", "unseen"], ["unseen"], [], []]
    frame = table([[0.9, 0.0, 0.0], [0.5, 0.0, 0.0], [0.8, 0.0, 0.0], [0.1, 0.0, 0.0]], golds)
    assert 0.8 < best_threshold(frame, LABELS) < 0.9


def test_a_fixed_threshold_is_not_tuned():
    keys = {"type": "text_classification", "data": {"files": "d.csv"}, "multi_label": True}
    frame = table([[0.4, 0.2, 0.1]], [["b"]])
    tuned, fixed = task_types.validate(keys), task_types.validate(keys | {"threshold": 0.3})
    assert tuned.tuned(frame, LABELS) == {"threshold": pytest.approx(0.15)}
    assert fixed.tuned(frame, LABELS) == fixed.tuned(None, LABELS) == {"threshold": 0.3}
    assert tuned.tuned(None, LABELS) == {"threshold": 0.5}
    assert fixed.decide(frame, LABELS, {"threshold": 0.3})["prediction"].tolist() == [["a"]]
    assert fixed.decide(frame, LABELS, {})["prediction"].tolist() == [[]]
    constant = pandas.DataFrame({"gold": [["b"]], "prediction": [["a"]]})
    assert tuned.decide(constant, LABELS, tuned.tuned(constant, LABELS)) is constant
    one = task_types.validate({**keys, "multi_label": False})
    assert one.tuned(frame, LABELS) == {} and one.decide(frame, LABELS, {}) is frame


def test_chances_of_all_labels():
    frame = with_chances(pandas.DataFrame({"text": ["x"]}), ["b"], numpy.array([[1.0]]), LABELS)
    assert frame[[chance_column(label) for label in LABELS]].iloc[0].tolist() == [0.0, 1.0, 0.0]
