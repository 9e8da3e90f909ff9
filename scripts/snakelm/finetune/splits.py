"""Which rows are learnt from, selected on, and reported: made splits, and nested random samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame


def sample(frame: DataFrame, size: int | None, seed: int) -> DataFrame:
    """`size` random rows in their own order, or all. Smaller samples are parts of larger ones with the same seed."""
    import numpy

    if size is None or size >= len(frame):
        return frame
    order = numpy.random.default_rng(seed).permutation(len(frame))
    return frame.iloc[numpy.sort(order[:size])].reset_index(drop=True)


def hold_out(frame: DataFrame, fraction: float, seed: int, stratify: bool) -> tuple[DataFrame, DataFrame]:
    """Part `fraction` of the rows off at random: (rest, held out), both in their own order.

    Rows with the same `group` stay together (then the labels' proportions are left to chance); else, with
    `stratify`, each label's rows are parted in the same proportion. Both parts get a row at least, where there
    are two rows (or groups). No rows are held out where all are of one group.
    """
    import numpy

    random = numpy.random.default_rng([seed, 1])
    held = numpy.zeros(len(frame), dtype=bool)
    wanted = max(1, round(fraction * len(frame)))
    if "group" in frame:
        members = frame.groupby("group").indices
        names = sorted(members)
        order = [names[number] for number in random.permutation(len(names))]
        for name in order[:-1]:  # a group that is too large for what is still wanted is passed over
            if held.sum() + len(members[name]) <= 1.1 * wanted:
                held[members[name]] = True
        if not held.any() and len(names) > 1:
            held[members[min(order, key=lambda name: len(members[name]))]] = True
    elif stratify and "gold" in frame and isinstance(frame["gold"].iloc[0], str):
        # Rows of one label after another, in random order within a label: every 1/fraction-th is held out.
        order = random.permutation(len(frame))
        order = order[numpy.argsort(frame["gold"].to_numpy()[order], kind="stable")]
        held[order[_evenly(len(frame), wanted)]] = True
    else:
        held[random.permutation(len(frame))[:wanted]] = True
    return frame[~held].reset_index(drop=True), frame[held].reset_index(drop=True)


def _evenly(length: int, count: int):
    import numpy

    return ((numpy.arange(count) + 0.5) * length / count).astype(int)
