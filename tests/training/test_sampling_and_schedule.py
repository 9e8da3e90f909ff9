"""The order of samples and the learning rate: pure functions, whatever shares the work."""

from __future__ import annotations

import numpy as np
import pytest

from snakelm.training.sampling import StepSampler, permutation
from snakelm.training.schedule import multiplier


def steps_seen(world: int, micro_batches: int, first: int = 0) -> list[list[int]]:
    """The samples of each step, put together from all processes' micro-batches."""
    parts = [list(StepSampler(12, micro_batches, 5, lambda: first, rank, world)) for rank in range(world)]
    return [
        [
            sample
            for part in parts
            for batch in part[step * micro_batches : (step + 1) * micro_batches]
            for sample in batch
        ]
        for step in range(5 - first)
    ]


@pytest.mark.parametrize(("world", "micro_batches"), [(1, 1), (1, 5), (2, 1), (3, 2), (4, 3)])
def test_a_step_sees_the_same_samples_however_many_share_it(world, micro_batches):
    expected = [list(range(step * 12, step * 12 + 12)) for step in range(5)]
    assert steps_seen(world, micro_batches) == expected
    assert steps_seen(world, micro_batches, first=3) == expected[3:]


def test_the_order_of_an_epoch_is_fixed_for_good():
    """If this changes (a new numpy), runs resumed across the change would read some text twice and some never."""
    assert permutation(1, 0, 8).tolist() == [5, 0, 1, 4, 2, 6, 3, 7]
    assert sorted(permutation(5, 2, 1000)) == list(range(1000))


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0, 0.5, 1, 1, 1, 1]),
        ("linear", [0, 0.5, 1, 0.5, 0.125, 0]),
        ("cosine", [0, 0.5, 1, 0.5, (1 - np.cos(np.pi * 0.125)) / 2, 0]),
        ("wsd", [0, 0.5, 1, 1, 0.5, 0]),
    ],
)
def test_schedules(schedule, expected):
    seen = [multiplier(schedule, now, 20, decay=0.2, total=100) for now in (0, 10, 20, 60, 90, 100)]
    assert seen == pytest.approx(expected)
    floor = multiplier(schedule, 100, 20, decay=0.2, floor=0.1, total=100)
    assert floor == pytest.approx(1 if schedule == "constant" else 0.1)


def test_the_stable_part_does_not_depend_on_the_budget():
    assert {multiplier("wsd", 30, 7, 0.2, total=total) for total in (40, 55, 1000)} == {1.0}
    assert len({multiplier("wsd", 3, 7, 0.2, total=total) for total in (40, 55, 1000)}) == 1
