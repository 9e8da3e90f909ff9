"""What stands in place of hidden tokens, in pretraining and in fine-tuning on text alike."""

from __future__ import annotations

import numpy as np
import pytest

from snakelm.training.masking import SPLIT, hide, ordinary_tokens
from snakelm.training.sampling import generator

MASK, SPECIAL = 3, [0, 1, 3]


class Tokenizer:
    all_special_ids = (3, 1, 0)

    def __len__(self) -> int:
        return 12


def test_random_tokens_are_never_special():
    ordinary = ordinary_tokens(Tokenizer())
    assert ordinary.tolist() == [2, *range(4, 12)]
    ids = np.full(5000, 7)
    hide(ids, np.arange(5000), generator(1), MASK, ordinary, (0.2, 0.8, 0.0))
    assert set(ids.tolist()) == {MASK, *ordinary.tolist()}


@pytest.mark.parametrize("split", [SPLIT, (0.5, 0.0, 0.5), (1.0, 0.0, 0.0)], ids=str)
def test_the_shares_are_as_asked_and_the_rest_stays(split):
    ids, chosen = np.full(20_000, 7), np.arange(0, 20_000, 2)
    hide(ids, chosen, generator(2), MASK, np.array([4, 5]), split)
    assert (ids[1::2] == 7).all()
    shares = [np.isin(ids[chosen], tokens).mean() for tokens in ([MASK], [4, 5], [7])]
    assert shares == pytest.approx(split, abs=0.02)


def test_the_same_draw_hides_the_same():
    """If this changes, a training that is resumed goes on with other masks."""
    ids = np.arange(4, 20)
    hide(ids, np.arange(0, 16, 2), generator(5, 1), MASK, np.arange(30, 40), (0.4, 0.4, 0.2))
    assert ids.tolist() == [32, 5, 34, 7, 30, 9, 10, 11, 39, 13, 36, 15, 3, 17, 3, 19]
