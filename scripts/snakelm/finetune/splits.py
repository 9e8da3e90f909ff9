"""Which rows are learnt from, selected on, and reported: made splits, and nested random samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame


def sample(frame: DataFrame, size: int | None, seed: int) -> DataFrame:
    """`size` random rows in their own order, or all. Smaller samples are parts of larger ones with the same seed."""
    import numpy

    if size is None or size >= len(frame):
        return frame
    order = numpy.random.default_rng(seed).permutation(len(frame))
    return frame.iloc[numpy.sort(order[:size])].reset_index(drop=True)


def hold_out(
    frame: DataFrame, fraction: float, seed: int, stratify: bool, labels: Sequence[Sequence[str]] | None = None
) -> tuple[DataFrame, DataFrame]:
    """Part `fraction` of the rows off at random: (rest, held out), both in their own order.

    `labels` are those of each row, where the task has labels. Each of them keeps a row in the rest at least, and
    with `stratify` its share in both parts. Rows with the same `group` stay together, and the shares are kept as
    well as the groups allow. Of two rows (or groups) or more one is held out, unless a label forbids it.
    """
    import numpy

    random = numpy.random.default_rng([seed, 1])
    held = numpy.zeros(len(frame), dtype=bool)
    wanted = max(1, round(fraction * len(frame)))
    if len(frame) < 2:
        pass
    elif "group" in frame:
        held = _held_groups(frame["group"].to_numpy(), wanted / len(frame), random, labels, stratify)
    else:
        order = random.permutation(len(frame))
        if stratify and labels is not None and all(len(row) == 1 for row in labels):
            # Rows of one label after another, in random order within a label: every 1/fraction-th is held out.
            names = numpy.array([row[0] for row in labels])
            order = order[numpy.argsort(names[order], kind="stable")]
            held[order[_evenly(len(frame), wanted)]] = True
        else:
            held[order[:wanted]] = True
        _leave_one_of_each(held, labels or [])
    return frame[~held].reset_index(drop=True), frame[held].reset_index(drop=True)


def _leave_one_of_each(held: Any, labels: Sequence[Sequence[str]]) -> None:
    """Give back, in place, the first row of each label of which nothing is left."""
    left = {label for row, gone in zip(labels, held, strict=False) if not gone for label in row}
    for number, row in enumerate(labels):
        if held[number] and not left.issuperset(row):
            held[number] = False
            left.update(row)


def _held_groups(groups: Any, share: float, random: Any, labels: Sequence[Sequence[str]] | None, stratify: bool) -> Any:
    """Which rows are held out, (rows,), so that groups stay whole: in random order a group is taken if that brings
    the counts of rows and labels nearer to what they should be (in χ², so that rare labels weigh as they ought to).
    Of several orders the nearest counts; with thousands of groups one order is near enough."""
    import numpy

    names, group_of_row = numpy.unique(groups, return_inverse=True)
    marks = [("", *row) for row in labels] if labels is not None else [("",)] * len(groups)
    ids = {label: number for number, label in enumerate(sorted({label for row in marks for label in row}))}
    counts_GL = numpy.zeros((len(names), len(ids)))
    for group, row in zip(group_of_row, marks, strict=True):
        for label in row:
            counts_GL[group, ids[label]] += 1
    total_L = counts_GL.sum(0)
    weighs_L = 1 / total_L
    if not stratify:
        weighs_L[1:] = 0  # the number of rows alone, which comes first

    def distance(held_L: Any) -> float:
        return float((weighs_L * (held_L - share * total_L) ** 2).sum())

    best: tuple[float, list[int]] = (numpy.inf, [])
    for _ in range(max(1, min(16, 20_000 // len(names)))):
        held_L, taken = numpy.zeros(len(ids)), []
        for group in random.permutation(len(names)):
            more_L = held_L + counts_GL[group]
            if (more_L < total_L).all() and (distance(more_L) < distance(held_L)):
                held_L = more_L
                taken.append(int(group))
        if not taken:  # all groups are too large: the nearest of them
            allowed = [group for group in range(len(names)) if (counts_GL[group] < total_L).all()]
            taken = sorted(allowed, key=lambda group: distance(counts_GL[group]))[:1]
            held_L = counts_GL[taken].sum(0)
        if distance(held_L) < best[0]:
            best = (distance(held_L), taken)
    return numpy.isin(group_of_row, best[1])


def _evenly(length: int, count: int) -> Any:
    import numpy

    return ((numpy.arange(count) + 0.5) * length / count).astype(int)
