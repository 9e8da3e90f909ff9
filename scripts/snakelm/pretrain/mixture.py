"""How often each source of a corpus is read: its share of the sequences of an epoch.

A place of an epoch belongs to a source; the sequence that stands there is a pure function of (seed, epoch, place), so
an interrupted training goes on as if nothing had happened. A source with n sequences and m places reads its own
shuffled order on and on: epoch e has the places e·m to (e + 1)·m of it. So with m < n the epochs together read all of
it, and with m > n all of it is read before any of it is read once more.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from snakelm.core.console import log
from snakelm.core.errors import UserError
from snakelm.training.sampling import generator

if TYPE_CHECKING:
    from snakelm.pretrain.config import MixtureConfig
    from snakelm.pretrain.stream import Span

STREAM = 7001
"""Keeps these draws apart from the others of a seed."""


class Mixture:
    """The sequences of an epoch, source by source.

    Args:
        config: what the recipe says.
        spans: where the sources lie in the stream of tokens.
        rows, stride: of the batches: sequences in the stream, and tokens from one to the next.
        seed: chooses which sequences are read where not all are.

    Attributes: rows (sequences in an epoch), places (name → sequences of it in an epoch).
    """

    def __init__(self, config: MixtureConfig, spans: Sequence[Span], rows: int, stride: int, seed: int):
        names = [span.name for span in spans]
        asked = dict.fromkeys([*config.weights, *config.epochs, *config.max_tokens])
        if absent := [name for name in asked if name not in names]:  # the recipe was held against the corpus's entry
            log.warning("mixture: %s: no text of it is left to train on; its share is left out", ", ".join(absent))
        self._orders: list[np.ndarray] = []
        """Of each source, the sequences in the order in which they are read."""
        for number, span in enumerate(spans):
            # A sequence that two sources share belongs to the one that it begins in.
            first, last = -(-span.begin // stride), min(-(-span.end // stride), rows)
            if last <= first:
                raise UserError(
                    f"mixture: source {span.name} has {span.tokens:,} tokens, fewer than one sequence; give more text"
                )
            order = np.arange(first, last, dtype=np.int64)
            generator(STREAM, seed, number).shuffle(order)
            most = config.max_tokens.get(span.name)
            self._orders.append(order if most is None else order[: max(1, most // stride)])
        sizes = {name: len(order) for name, order in zip(names, self._orders, strict=True)}
        self.places = places(config, sizes)
        self._ends = np.cumsum(list(self.places.values()))
        self.rows = int(self._ends[-1])

    def row(self, epoch: int, place: int) -> int:
        """The sequence of the stream that stands at a place of an epoch."""
        number = int(np.searchsorted(self._ends, place, side="right"))
        order, end = self._orders[number], int(self._ends[number])
        count = end - (int(self._ends[number - 1]) if number else 0)
        return int(order[(epoch * count + place - (end - count)) % len(order)])

    def reading(self, read: Callable[[int, int, int], Any]) -> Callable[[int, int, int], Any]:
        """`read` of the stream's sequences as one of the epoch's places."""
        return functools.partial(self._read, read)

    def _read(self, read: Callable[[int, int, int], Any], place: int, epoch: int, position: int) -> Any:
        return read(self.row(epoch, place), epoch, position)


def places(config: MixtureConfig, sizes: Mapping[str, int]) -> dict[str, int]:
    """Name → sequences of it in an epoch, at least 1; `sizes` are those that each source has.

    With epochs each source is read so many times (once where nothing is said). With weights or a temperature an epoch
    is as long as all sources together, and source s has a share of w_s / Σ w, or of n_s^(1/T) / Σ n^(1/T) as in
    Arivazhagan et al. 2019 (https://arxiv.org/abs/1907.05019): T = 1 is the text as it is, a high T equal shares. With
    groups that is the share of a group, of which each of its sources gets as much as it is of the group's text.
    """
    if config.weights or config.temperature is not None:
        if config.weights and (missing := sorted(sizes.keys() - config.weights.keys())):
            raise UserError(f"mixture: no weight for source {' and '.join(missing)}; give every source one")
        wanted = config.weights or _tempered(sizes, config.temperature or 1.0, config.groups)
        whole, total = sum(sizes.values()), sum(wanted[name] for name in sizes)
        return {name: max(1, round(whole * wanted[name] / total)) for name in sizes}
    return {name: max(1, round(size * config.epochs.get(name, 1.0))) for name, size in sizes.items()}


def _tempered(sizes: Mapping[str, int], temperature: float, groups: Mapping[str, str]) -> dict[str, float]:
    """What each source gets, relative to the others."""
    group_of = {name: ("group", groups[name]) if name in groups else ("source", name) for name in sizes}
    whole: Counter[tuple[str, str]] = Counter()
    for name, size in sizes.items():
        whole[group_of[name]] += size
    return {
        name: whole[group_of[name]] ** (1 / temperature) * size / whole[group_of[name]] for name, size in sizes.items()
    }
