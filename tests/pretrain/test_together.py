"""Several processes, trunks and cool-downs, budgets: other ways to the same weights."""

from __future__ import annotations

import shutil

import pandas
import pytest
import torch
from safetensors.torch import load_file

from snakelm.core.errors import UserError
from snakelm.pretrain.pretrain import pretrain
from tests.pretrain import lab

KEYS = {"steps": 12, "evaluation_steps": 4, "checkpoint_steps": 6}


def test_two_processes_give_the_curve_of_one_and_can_go_on_with_its_run(parents, tmp_path):
    alone = lab.job(tmp_path / "one", parents, **KEYS)
    assert lab.run_in_process(alone)[0] == 0
    expected = pandas.read_csv(alone.out / "curve.tsv", sep="\t")

    assert lab.run_in_process(lab.job(tmp_path / "two", parents, **KEYS), (8, 0), lab.KILL)[0] == -lab.KILL
    together = lab.job(tmp_path / "two", parents, **KEYS, processes=2)
    code, said = lab.run_in_process(together)
    assert code == 0 and "resuming from step 6 of 12" in said
    curve = pandas.read_csv(together.out / "curve.tsv", sep="\t")
    pandas.testing.assert_frame_equal(curve, expected, rtol=1e-5)
    one, two = (load_file(attempt.out / "model.safetensors") for attempt in (alone, together))
    assert all(torch.allclose(one[name], two[name], atol=1e-5) for name in one)


def test_micro_batches_change_nothing_but_rounding(parents, tmp_path):
    keys = {**KEYS, "max_grad_norm": 0.05}  # clipping sees a gradient of the wrong size, where Adam would not
    curves = []
    for size in (8, 3, 1):
        attempt = lab.job(tmp_path / str(size), parents, **keys, micro_batch_size=size)
        pretrain(attempt)
        curves.append(pandas.read_csv(attempt.out / "curve.tsv", sep="\t"))
    for curve in curves[1:]:
        pandas.testing.assert_frame_equal(curve, curves[0], rtol=1e-5)


def test_a_batch_that_two_processes_cannot_share_is_refused(parents, tmp_path):
    with pytest.raises(UserError, match="batch_size 7 cannot be shared equally by 2 processes"):
        pretrain(lab.job(tmp_path, parents, steps=2, batch_size=7, processes=2))


def test_cool_downs_from_a_shared_trunk_are_bit_for_bit_the_runs_from_scratch(parents, tmp_path):
    common = {"schedule": "wsd", "warmup": 3, "decay": 0.3, "dropout": 0.1, "evaluation_steps": 5}
    long = lab.model(**common, steps=20, trunk_every=4)
    short = lab.model(**common, steps=15, trunk_every=4)
    chain = long.trunk()
    assert [run.steps for run in chain] == [4, 8, 12]
    assert [run.identity() for run in short.trunk()] == [run.identity() for run in chain[:2]], "the trunk is shared"

    folders, before = {}, {}
    for run in chain:
        attempt = lab.job(tmp_path / f"trunk{run.steps}", parents | before, **run.model_dump())
        pretrain(attempt)
        folders[run.steps], before = attempt.out, {"trunk": attempt.out}
    for model in (long, short):
        last = model.trunk()[-1].steps
        cooled = lab.job(tmp_path / f"cooled{model.steps}", parents | {"trunk": folders[last]}, **model.model_dump())
        pretrain(cooled)
        keys = model.model_dump() | {"trunk_every": None}
        direct = lab.job(tmp_path / f"direct{model.steps}", parents, **keys)
        pretrain(direct)
        same = ("model.safetensors", "config.json", "samples.txt")
        assert [lab.content(cooled.out)[name] for name in same] == [lab.content(direct.out)[name] for name in same]
        rates = pandas.read_csv(cooled.out / "curve.tsv", sep="\t").learning_rate
        assert rates.max() == lab.TINY["learning_rate"] and rates.iloc[-1] < 0.3 * rates.max()


def test_a_trunk_holds_the_same_bytes_however_it_was_made(parents, tmp_path):
    run = lab.model(schedule="wsd", warmup=2, steps=10, trunk_every=6).trunk()[-1]
    keys = {**run.model_dump(), "checkpoint_steps": 2}
    first, second = lab.job(tmp_path / "first", parents, **keys), lab.job(tmp_path / "second", parents, **keys)
    assert lab.run_in_process(first)[0] == 0
    assert lab.run_in_process(second, (3, 0), lab.KILL)[0] == -lab.KILL
    second = lab.job(tmp_path / "second", parents, **keys)
    assert lab.run_in_process(second)[0] == 0
    assert lab.content(first.out) == lab.content(second.out)


@pytest.mark.parametrize(
    ("budget", "steps"),
    [({"steps": 3}, 3), ({"tokens": "1k"}, 8), ({"epochs": 0.5}, 4), ({"tokens": 500, "batch_tokens": 64}, 8)],
    ids=str,
)
def test_budgets(budget, steps, parents, tmp_path):
    headline = pretrain(lab.job(tmp_path, parents, **budget))
    assert headline["steps"] == steps
    assert headline["tokens"] == steps * (4 if "batch_tokens" in budget else 8) * 16


def test_a_budget_in_minutes_ends_in_time_and_cools_down_by_the_clock(parents, tmp_path):
    attempt = lab.job(tmp_path, parents, minutes=0.05, schedule="wsd", decay=0.5)
    headline = pretrain(attempt)
    assert headline["steps"] > 3
    assert 3.0 <= attempt.times["seconds_training"] < 30
    rates = pandas.read_csv(attempt.out / "curve.tsv", sep="\t").learning_rate
    assert rates.iloc[-1] < 0.5 * rates.max()


def test_two_processes_agree_on_the_time(parents, tmp_path):
    """Each has a clock of its own: a checkpoint due on one alone, or an end, would leave the other waiting."""
    keys = {"minutes": 0.06, "checkpoint_minutes": 0.0005, "processes": 2, "schedule": "cosine"}
    attempt = lab.job(tmp_path, parents, **keys)
    code, said = lab.run_in_process(attempt)
    assert code == 0, said
    assert lab.headline(attempt)["steps"] > 3


def test_a_run_of_two_processes_goes_on_in_one(parents, tmp_path):
    alone = lab.job(tmp_path / "one", parents, **KEYS)
    pretrain(alone)
    assert lab.run_in_process(lab.job(tmp_path / "two", parents, **KEYS, processes=2))[0] == 0
    shutil.rmtree(tmp_path / "two/work/checkpoints/checkpoint-12")
    further = lab.job(tmp_path / "two", parents, **KEYS)
    code, said = lab.run_in_process(further)
    assert code == 0 and "resuming from step 6 of 12" in said
    curves = [pandas.read_csv(attempt.out / "curve.tsv", sep="\t") for attempt in (alone, further)]
    pandas.testing.assert_frame_equal(*curves, rtol=1e-5)


SCARCE = """
import os
if os.environ.get("RANK") == "1":
    import torch
    from snakelm.training.trainer import ExactTrainer
    step = ExactTrainer.training_step
    def training_step(self, model, inputs, *rest):
        if self.state.global_step >= 7 and len(inputs["input_ids"]) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return step(self, model, inputs, *rest)
    ExactTrainer.training_step = training_step
"""


def test_out_of_memory_in_one_of_two_processes_halves_the_micro_batch_of_both(parents, tmp_path, monkeypatch):
    plenty = lab.job(tmp_path / "plenty", parents, **KEYS)
    pretrain(plenty)
    (tmp_path / "sitecustomize.py").write_text(SCARCE)
    scarce = lab.job(tmp_path / "scarce", parents, **KEYS, processes=2)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    pretrain(scarce)
    curves = [pandas.read_csv(attempt.out / "curve.tsv", sep="\t") for attempt in (plenty, scarce)]
    pandas.testing.assert_frame_equal(*curves, rtol=1e-5)


def test_the_speed_of_a_cool_down_counts_its_own_tokens(parents, tmp_path):
    model = lab.model(schedule="wsd", warmup=3, decay=0.2, steps=100, trunk_every=80)
    trunk = lab.job(tmp_path / "trunk", parents, **model.trunk()[0].model_dump())
    pretrain(trunk)
    cooled = lab.job(tmp_path / "cooled", parents | {"trunk": trunk.out}, **model.model_dump())
    assert pretrain(cooled)["tokens"] == 100 * 8 * 16
    counted = cooled.times["tokens_per_second"] * cooled.times["seconds_training"]
    assert counted < 50 * 8 * 16, "20 steps are its own, 80 the trunk's"
