"""Names are listed as people count."""

from __future__ import annotations

import random

import pytest

from snakelm.report.ordering import natural


@pytest.mark.parametrize(
    "names",
    [
        ["lr-1e-05", "lr-0.0001", "lr-0.0003", "lr-0.001", "lr-0.01"],
        ["era-200", "era-500", "era-2000"],
        ["9", "10", "m-2b", "m-2c", "m-10a"],
    ],
)
def test_numbers_in_names_compare_as_numbers(names):
    shuffled = random.Random(0).sample(names, len(names))
    assert sorted(shuffled, key=natural) == names
