"""Trackers see the curve, beside the run and never in it; further TrainingArguments are checked by name."""

from __future__ import annotations

import os
from dataclasses import fields

import pandas
import pytest
from pydantic import ValidationError
from transformers import TrainingArguments

from snakelm.core.errors import UserError
from snakelm.execution import trackers
from snakelm.pretrain import arguments
from snakelm.pretrain.config import ModelConfig
from snakelm.pretrain.pretrain import pretrain
from snakelm.pretrain.train import setup
from snakelm.runs.store import content_digest, file_table
from snakelm.training.trainer import training_arguments
from tests.pretrain import lab

KEYS = {"steps": 12, "evaluation_steps": 4, "checkpoint_steps": 5}


def scalars(folder) -> dict[str, dict[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: {event.step: event.value for event in events.Scalars(tag)} for tag in events.Tags()["scalars"]}


def test_tensorboard_gets_the_whole_curve_across_a_kill_and_the_run_is_the_same_without_it(parents, tmp_path):
    plain = lab.job(tmp_path / "plain", parents, **KEYS)
    pretrain(plain)
    keys = KEYS | {"trackers": ["tensorboard"]}
    assert lab.run_in_process(lab.job(tmp_path / "watched", parents, **keys), (7, 0), lab.KILL)[0] == -lab.KILL
    watched = lab.job(tmp_path / "watched", parents, **keys)
    code, said = lab.run_in_process(watched)
    assert code == 0 and "resuming from step 5" in said
    curve = pandas.read_csv(watched.out / "curve.tsv", sep="\t")
    seen = scalars(watched.out / "circumstance/trackers/tensorboard")
    for tag, column in {"train/loss": "loss", "eval/loss": "validation_loss"}.items():
        expected = dict(curve[["step", column]].dropna().values)
        assert seen[tag] == pytest.approx(expected, rel=1e-4), tag
    assert lab.content(watched.out) == lab.content(plain.out)
    assert content_digest(file_table(watched.out)) == content_digest(file_table(plain.out))
    assert watched.config.identity() == plain.config.identity()


def test_the_next_run_of_a_process_is_reported_to_a_place_of_its_own(parents, tmp_path):
    before = dict(os.environ)
    for name in ("one", "two"):
        attempt = lab.job(tmp_path / name, parents, steps=2, trackers=["tensorboard"])
        pretrain(attempt)
        assert scalars(attempt.out / "circumstance/trackers/tensorboard")["train/loss"].keys() == {1, 2}
    assert dict(os.environ) == before


def test_trackers_reach_the_trainer_by_name(tmp_path):
    names = ("tensorboard", "wandb", "trackio", "mlflow")
    assert lab.model(steps=1, trackers=names).trackers == names
    for given in (names, ()):
        attempt = lab.job(tmp_path, {}, steps=1, trackers=given)
        handed_on = training_arguments(attempt.config, setup(attempt, 1, None))
        assert tuple(handed_on.report_to) == given and handed_on.run_name == "tiny"


def test_trackers_that_are_not_installed_are_named(parents, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="trackers: mlflow not installed; pip install mlflow"):
        pretrain(lab.job(tmp_path, parents, steps=1, trackers=["mlflow"]))


def test_a_tracker_that_cannot_start_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "wandb.py").write_text("def init(**keys): raise RuntimeError('No API key\\nconfigured')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with (
        pytest.raises(UserError, match="^trackers: wandb cannot be started: No API key configured; or leave it out$"),
        trackers.reporting(["wandb"], tmp_path / "trackers", "tiny"),
    ):
        pass


def test_the_tables_of_arguments_are_those_of_the_library():
    tables = (arguments.PASSED_ON, arguments.OWN_KEYS.keys(), arguments.WITHOUT_EFFECT)
    assert sum(map(len, tables)) == len(set().union(*tables)), "each name stands in one table"
    assert {each.name for each in fields(TrainingArguments)} == set().union(*tables)
    assert set(arguments.OWN_KEYS.values()) <= ModelConfig.model_fields.keys()


def test_further_arguments_pass_through(parents, tmp_path):
    given = {"adam_epsilon": 1e-6, "optim": "adafactor", "activation_checkpointing": True}
    pretrain(lab.job(tmp_path / "ok", parents, steps=1, training_arguments=given))
    with pytest.raises(UserError, match="^training_arguments: adamm is not a valid OptimizerNames"):
        pretrain(lab.job(tmp_path / "bad", parents, steps=1, training_arguments={"optim": "adamm"}))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("adam_epsilom", "adam_epsilom: unknown to transformers; did you mean adam_epsilon"),
        ("seed", "seed: it is set by the key seed"),
        ("save_strategy", "save_strategy: it is set by the key checkpoint_steps"),
        ("logging_steps", "logging_steps: pretraining sets it itself; leave it out"),
        ("label_smoothing_factor", "label_smoothing_factor: pretraining sets it itself"),
    ],
)
def test_other_arguments_are_refused_when_the_recipe_is_read(name, says):
    with pytest.raises(ValidationError, match=f"training_arguments.{says}"):
        lab.model(steps=1, training_arguments={name: 1})
