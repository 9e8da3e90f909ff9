"""The draw of held-out documents."""

import numpy
import pytest

from snakelm.core.errors import UserError
from snakelm.fetch_corpus.splits import TEST, TRAIN, VALIDATION, draw, draw_by_hash, group_key, named_split


def keys(names, seed=0):
    return numpy.array([group_key(seed, str(name).encode()) for name in names], dtype=numpy.uint64)


def count(split):
    return numpy.bincount(split, minlength=3).tolist()


@pytest.mark.parametrize("documents", [237, 1000, 10_000])
def test_fractions_are_met(documents):
    train, validation, test = count(draw(keys(range(documents)), 0.05, 0.1))
    assert abs(validation - 0.05 * documents) <= 1 and abs(test - 0.1 * documents) <= 1
    assert train == documents - validation - test


@pytest.mark.parametrize("documents", [3, 4, 10])
def test_few_groups_give_each_split_at_least_one(documents):
    for seed in range(20):
        assert min(count(draw(keys(range(documents), seed), 0.01, 0.01))) >= 1
        assert min(count(draw(keys(range(documents), seed), 0.49, 0.49))) >= 1


def test_too_few_groups_and_none_held_out():
    with pytest.raises(UserError, match="1 groups of documents cannot be divided into 2 splits"):
        draw(keys(["a", "a"]), 0.1, 0)
    assert count(draw(keys(["a"]), 0, 0)) == [1, 0, 0]
    assert count(draw(keys(range(10)), 0, 0.1)) == [9, 0, 1]


def test_order_does_not_matter_and_groups_stay_whole():
    names = numpy.random.default_rng(0).integers(0, 60, 500)
    split = draw(keys(names), 0.1, 0.2)
    shuffled = numpy.random.default_rng(1).permutation(500)
    assert (draw(keys(names[shuffled]), 0.1, 0.2) == split[shuffled]).all()
    for name in set(names.tolist()):
        assert len(set(split[names == name].tolist())) == 1


def test_one_held_out_fraction_leaves_the_other_split_as_it_is():
    names = keys(range(500))
    small, large = draw(names, 0.05, 0.1), draw(names, 0.2, 0.1)
    assert ((small == TEST) == (large == TEST)).all()
    assert set(numpy.flatnonzero(small == VALIDATION)) < set(numpy.flatnonzero(large == VALIDATION))


def test_added_documents_hardly_move_others():
    before, after = draw(keys(range(1000)), 0.05, 0.1), draw(keys(range(1050)), 0.05, 0.1)[:1000]
    assert (before != after).sum() <= 10
    assert not ((before == TEST) & (after == VALIDATION)).any()


def test_another_seed_holds_out_others():
    first, second = (draw(keys(range(200), seed), 0.1, 0) for seed in (0, 1))
    assert ((first == VALIDATION) & (second == VALIDATION)).sum() < 10


def test_a_group_far_too_large_is_not_held_out():
    for seed in range(20):
        names = keys(["giant"] * 900 + list(range(100)), seed)
        split = draw(names, 0.05, 0.05)
        assert split[0] == TRAIN and min(count(split)) >= 1


def test_names_of_splits():
    assert [named_split(name, "x") for name in ("train", " Dev ", "valid", "TEST")] == [TRAIN, 1, 1, TEST]
    with pytest.raises(UserError, match="a.csv line 2: 'held' is not the name of a split"):
        named_split("held", "a.csv line 2")


def test_by_hash_no_document_ever_moves():
    before = draw_by_hash(keys(range(2000)), 0.05, 0.1)
    assert abs(count(before)[VALIDATION] - 100) < 40 and abs(count(before)[TEST] - 200) < 50
    for added in (1, 50, 3000):
        assert (draw_by_hash(keys(range(2000 + added)), 0.05, 0.1)[:2000] == before).all()
    other = draw_by_hash(keys(range(2000)), 0.2, 0.1)
    assert ((before == TEST) == (other == TEST)).all()
    assert set(numpy.flatnonzero(before == VALIDATION)) < set(numpy.flatnonzero(other == VALIDATION))


def test_by_hash_an_empty_split_is_said():
    with pytest.raises(UserError, match="none of 3 groups of documents falls into validation .0.001."):
        draw_by_hash(keys(range(3)), 0.001, 0)
    with pytest.raises(UserError, match="falls into train"):
        draw_by_hash(keys([5]), 0.999, 0)
