"""How far a mean over seeds and test units may be from what it estimates: crossed random effects.

The score of seed s on unit r is Y = μ + S + R + E: an effect of the seed, one of the unit, and the rest. Both are drawn
at random, so the mean over a table of S seeds × U units has the variance σ²_S / S + σ²_R / U + σ²_E / (S · U), which
the mean squares of a two-way analysis of variance estimate: (MS_S + MS_R − MS_E) / (S · U). (Searle, Casella and
McCulloch 1992, chapter 4; for evaluations of systems Bouthillier et al. 2021, and Cornfield and Tukey 1956 for which
mean squares belong to which question.)

Few seeds make MS_S a poor estimate. Two intervals are usual: Student's t with the degrees of freedom of Satterthwaite
(1946), which is too narrow where seeds dominate (92 % of 95 with three seeds), and the "square and add" of Howe (1974;
Graybill and Wang 1980, Zou and Donner 2008), which gives each component its own t and is too wide where seeds and
units matter alike (97.7 %). Half of both is taken: exact for seeds alone and for units alone, and between 94 and 97 %
everywhere else for three seeds or more (benchmarks/coverage.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snakelm.statistics.units import Floats


SMALLEST = 1e-12
"""Probabilities below it count as 0."""


@dataclass(frozen=True)
class Components:
    """Variances of one score: between seeds, between units, and what is left (with one seed: in `units`)."""

    seeds: float
    units: float
    rest: float

    def spread(self, seeds: float, units: float) -> Spread:
        """The expected spread of a mean over so many seeds and units."""
        of_seeds = (self.seeds + self.rest / units) / seeds
        return Spread(of_seeds, self.units / units, max(seeds - 1, 1), max(units - 1, 1))


@dataclass(frozen=True)
class Spread:
    """The variance of a mean in two parts, each with the degrees of freedom of its estimate."""

    of_seeds: float
    """MS_S / (S · U), which holds the rest as well; 0 where nothing is said of new seeds."""
    of_units: float
    """(MS_R − MS_E) / (S · U), at least 0; 0 where nothing is said of new test rows."""
    seed_df: float
    unit_df: float

    @property
    def variance(self) -> float:
        return self.of_seeds + self.of_units

    def half_width(self, confidence: float) -> float:
        """Half of the interval that holds what is estimated with this probability."""
        from scipy.special import stdtrit  # scipy.stats takes ten times as long to import

        if not self.variance > 0:
            return 0.0
        upper = (1 + confidence) / 2
        squares = self.of_seeds**2 / self.seed_df + self.of_units**2 / self.unit_df
        df = self.variance**2 / squares if squares > 0 else math.inf
        satterthwaite = float(stdtrit(min(df, 1e12), upper)) * math.sqrt(self.variance)
        apart = [
            float(stdtrit(df, upper)) ** 2 * part
            for part, df in ((self.of_seeds, self.seed_df), (self.of_units, self.unit_df))
            if part > 0
        ]
        return (satterthwaite + math.sqrt(sum(apart))) / 2

    def p_value(self, distance: float) -> float:
        """The probability of a mean at least so far from what it estimates, in either direction: the level at which
        the interval's half width is the distance."""
        distance = abs(distance)
        if distance == 0 or not self.variance > 0:
            return 1.0 if distance == 0 else 0.0
        # Of the logarithm of the level, by false position (the Illinois variant).
        low, high = math.log(SMALLEST), 0.0
        above, below = self.half_width(1 - SMALLEST) - distance, -distance
        if above < 0:
            return 0.0
        for _ in range(60):
            middle = (low * below - high * above) / (below - above)
            rest = self.half_width(1 - math.exp(middle)) - distance
            if abs(rest) <= 1e-9 * distance:
                break
            if rest > 0:
                low, above, below = middle, rest, below / 2
            else:
                high, below, above = middle, rest, above / 2
        return math.exp(middle)


def analyse(table: Floats) -> tuple[Spread, Components]:
    """Spread and components of the mean of a table of scores, (seeds, units); with one seed of new units alone.

    A table that is the same in every seed (a baseline, a model that is not trained) is one whose seeds add nothing.
    Raises ValueError for fewer than two units.
    """
    import numpy

    seeds, units = table.shape
    if units < 2:
        raise ValueError("one unit says nothing about others")
    of_seed, of_unit, mean = table.mean(1), table.mean(0), table.mean()
    ms_units = seeds * float(((of_unit - mean) ** 2).sum()) / (units - 1)
    if seeds == 1:
        return Spread(0.0, ms_units / units, 1, units - 1), Components(0.0, ms_units, 0.0)
    ms_seeds = units * float(((of_seed - mean) ** 2).sum()) / (seeds - 1)
    rest = table - of_seed[:, None] - of_unit[None, :] + mean
    ms_rest = float(numpy.square(rest).sum()) / ((seeds - 1) * (units - 1))
    cells = seeds * units
    spread = Spread(ms_seeds / cells, max(ms_units - ms_rest, 0.0) / cells, seeds - 1, units - 1)
    parts = Components(max(ms_seeds - ms_rest, 0.0) / units, max(ms_units - ms_rest, 0.0) / seeds, ms_rest)
    return spread, parts


def over_seeds(values: Floats) -> Spread:
    """The spread of the mean of one value per seed, (seeds,), two at least: new seeds on the same rows."""
    seeds = len(values)
    return Spread(float(values.var(ddof=1)) / seeds, 0.0, seeds - 1, 1)
