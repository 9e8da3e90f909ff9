"""What evaluation within a training costs."""

from __future__ import annotations

import math

import pandas
import pytest
from safetensors.torch import load_file

from snakelm.pretrain.evaluations import Evaluations, evaluations
from snakelm.pretrain.pretrain import pretrain
from tests.pretrain import lab


def planned(steps: int, rows: int = 10_000, **keys: object) -> Evaluations:
    return evaluations(lab.model(**{"steps": steps, "evaluation_sequences": None} | keys), steps, rows)


@pytest.mark.parametrize("steps", [1, 9, 30, 60, 199, 200, 480, 1_001, 3_333, 100_000])
@pytest.mark.parametrize("batch_size", [1, 8, 64])
@pytest.mark.parametrize("rows", [1, 20, 10_000])
@pytest.mark.parametrize("keys", [{}, {"keep": "best"}, {"evaluation_steps": 7}, {"evaluation_sequences": 5}], ids=str)
def test_evaluation_reads_at_most_a_twentieth_of_what_training_reads(steps, batch_size, rows, keys):
    found = planned(steps, rows, batch_size=batch_size, **keys)
    times = math.ceil(steps / found.every)
    asked = {"keep": found.sequences == 1, "evaluation_steps": found.sequences == 1, "evaluation_sequences": times == 1}
    only_once = times == 1 and found.sequences == 1
    assert times * found.sequences <= 0.05 * steps * batch_size or only_once or any(asked[key] for key in keys)
    assert 1 <= found.sequences <= min(rows, 1024) and found.every >= 1


def test_a_long_training_is_evaluated_as_ever():
    assert planned(100_000) == Evaluations(10_000, 1024)
    assert planned(1_000_050, batch_size=64) == Evaluations(100_005, 1024)


def test_a_short_training_is_evaluated_less_often_before_it_is_evaluated_on_little():
    assert planned(480) == Evaluations(80, 32)
    assert planned(60) == Evaluations(60, 24)
    assert planned(480, keep="best") == Evaluations(48, 19)


def test_what_is_given_is_obeyed():
    assert planned(60, evaluation_steps=5, evaluation_sequences=500) == Evaluations(5, 500)
    assert planned(60, evaluation_steps=60) == Evaluations(60, 24)
    assert planned(6000, evaluation_sequences=500).sequences == 500


def test_runs_of_one_trunk_are_evaluated_on_the_same_sequences():
    keys = {"schedule": "wsd", "trunk_every": 30, "warmup": 3, "evaluation_sequences": None}
    whole = lab.model(steps=100, **keys)
    chain = [evaluations(segment, segment.steps, 10_000) for segment in whole.trunk()]
    assert {*chain, evaluations(whole, 100, 10_000)} == {Evaluations(30, 12)}


def test_the_weights_do_not_depend_on_evaluation(parents, tmp_path):
    keys = {"steps": 12, "dropout": 0.1}
    seldom = lab.job(tmp_path / "seldom", parents, evaluation_sequences=None, **keys)
    often = lab.job(tmp_path / "often", parents, evaluation_sequences=20, evaluation_steps=1, **keys)
    pretrain(seldom)
    pretrain(often)
    one, two = (load_file(attempt.out / "model.safetensors") for attempt in (seldom, often))
    assert all(one[name].equal(two[name]) for name in two)
    curve = pandas.read_csv(seldom.out / "curve.tsv", sep="\t")
    assert curve.validation_loss.notna().sum() == 1 and curve.validation_loss.notna().iloc[-1]
