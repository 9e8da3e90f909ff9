"""From the scores of every seed to the comparison that the report opens with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from snakelm.metrics.intervals import Interval, mean_interval, paired_difference
from snakelm.metrics.ranges import Range, difference_range, range_of
from snakelm.report.numbers import decimals, fixed, interval
from snakelm.report.ordering import natural
from snakelm.report.scores import FIRST_INITS, SeedScore, inits_of

ScoresBySeed = Mapping[str, float]
"""Seed, as the evaluation wrote it → value."""


@dataclass(frozen=True)
class Estimate:
    """The mean over seeds and its interval, None where no seed gave a value, and how both are written."""

    over_seeds: Interval | None
    lost: int = 0
    """Seeds that were run but did not enter: without a finite value or, in a difference, without a partner."""
    signed: bool = False
    places: int = 3
    values: tuple[float, ...] = ()
    """The finite values, one per seed."""

    @property
    def mean_text(self) -> str:
        return fixed(self.over_seeds.mean, self.places, self.signed) if self.over_seeds else "n/a"

    @property
    def interval_text(self) -> str:
        """[low, high]; nothing below two seeds; words where all are equal: a width of 0 would suggest certainty."""
        if self.over_seeds is None or self.over_seeds.low is None or self.over_seeds.high is None:
            return ""
        if _all_equal(self.over_seeds):
            return "the same in every seed"
        return interval(self.over_seeds.low, self.over_seeds.high, self.places, self.signed)

    @property
    def n_text(self) -> str:
        return f"n\u202f=\u202f{self.over_seeds.n if self.over_seeds else 0}"


@dataclass(frozen=True)
class Verdict:
    """What the difference says: `mark` is gain, loss, clear, unclear or none; `words` say it in the table."""

    mark: str
    words: str


@dataclass(frozen=True)
class Comparison:
    """One model on one task by one metric: an estimate per init, and pretrained minus random."""

    model: str
    task: str
    metric: str
    main: bool
    greater_is_better: bool | None
    test_rows: tuple[str, ...]
    """How many rows were scored, as the evaluation wrote it; more than one entry if that differs between runs."""
    estimates: Mapping[str, Estimate]
    """By init."""
    difference: Estimate | None
    verdict: Verdict

    @property
    def direction(self) -> str:
        return {True: "higher is better", False: "lower is better", None: ""}[self.greater_is_better]

    @property
    def scored(self) -> str:
        """How the task is scored, in words: accuracy, higher is better."""
        return ", ".join(part for part in (self.metric.replace("_", " "), self.direction) if part)


def compare(scores: Sequence[SeedScore], confidence: float) -> list[Comparison]:
    """A comparison per model, task and metric, those of one task together and its main metric first.

    Where no metric of a task is marked as main, its first one counts as that.
    """
    groups: dict[tuple[str, str, str], list[SeedScore]] = {}
    first_metric: dict[str, str] = {}
    for score in scores:
        groups.setdefault((score.subject.task, score.subject.model, score.metric), []).append(score)
        first_metric.setdefault(score.subject.task, score.metric)
    marked = {score.subject.task for score in scores if score.main}
    comparisons = []
    for (task, model, metric), group in groups.items():
        main = any(score.main for score in group) if task in marked else metric == first_metric[task]
        comparisons.append(_comparison(model, task, metric, main, group, confidence))
    return sorted(
        comparisons, key=lambda one: (natural(one.task), not one.main, natural(one.scored), natural(one.model))
    )


def _comparison(
    model: str, task: str, metric: str, main: bool, scores: Sequence[SeedScore], confidence: float
) -> Comparison:
    values: dict[str, dict[str, float]] = {}
    for score in scores:
        values.setdefault(score.subject.init, {})[score.seed] = score.value
    estimates = {init: _estimate(values[init].values(), confidence, range_of(metric)) for init in inits_of(values)}
    places = min((estimate.places for estimate in estimates.values() if estimate.over_seeds), default=3)
    greater_is_better = scores[0].greater_is_better
    difference, verdict = _difference(values, metric, greater_is_better, places, confidence)
    return Comparison(
        model,
        task,
        metric,
        main,
        greater_is_better,
        test_rows=tuple(dict.fromkeys(score.n for score in scores if score.n)),
        estimates={init: replace(estimate, places=places) for init, estimate in estimates.items()},
        difference=difference,
        verdict=verdict,
    )


def _estimate(values: Iterable[float], confidence: float, possible: Range) -> Estimate:
    values = list(values)
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return Estimate(None, lost=len(values))
    over_seeds = mean_interval(finite, confidence, possible)
    return Estimate(over_seeds, lost=len(values) - len(finite), places=decimals(over_seeds.mean), values=tuple(finite))


def _difference(
    values: Mapping[str, ScoresBySeed], metric: str, greater_is_better: bool | None, places: int, confidence: float
) -> tuple[Estimate | None, Verdict]:
    """Pretrained minus random over the seeds that gave a finite value in both, and what may be said of it."""
    absent = [init for init in FIRST_INITS if init not in values]
    if absent:
        return None, Verdict("none", f"no {' and no '.join(absent)} runs")
    number = {seed: place for place, seed in enumerate({**values["pretrained"], **values["random"]})}
    pretrained, random = (
        {number[seed]: value for seed, value in values[init].items() if math.isfinite(value)} for init in FIRST_INITS
    )
    over_seeds = paired_difference(pretrained, random, confidence, difference_range(metric))
    if over_seeds is None:
        return None, Verdict("none", "no seed has a value in both")
    difference = Estimate(over_seeds, lost=len(number) - over_seeds.n, signed=True, places=places)
    return difference, _verdict(over_seeds, greater_is_better)


def _verdict(difference: Interval, greater_is_better: bool | None) -> Verdict:
    if difference.low is None or difference.high is None:
        return Verdict("none", "one seed: no interval")
    if not difference.clear_of_zero:
        return Verdict("unclear", "not clear of 0")
    if greater_is_better is None:
        return Verdict("clear", "clear of 0")
    gain = (difference.mean > 0) == greater_is_better
    return Verdict("gain" if gain else "loss", f"clear {'gain' if gain else 'loss'}")


def _all_equal(over_seeds: Interval) -> bool:
    return math.isclose(over_seeds.low or 0.0, over_seeds.high or 0.0, rel_tol=1e-9, abs_tol=1e-12)


def headline(comparisons: Sequence[Comparison], scores: Sequence[SeedScore]) -> dict[str, Any]:
    """The numbers by which the report's own run is known."""
    main = [comparison for comparison in comparisons if comparison.main]
    return {
        "comparisons": sum(comparison.difference is not None for comparison in main),
        "clear_gains": sum(comparison.verdict.mark == "gain" for comparison in main),
        "clear_losses": sum(comparison.verdict.mark == "loss" for comparison in main),
        "scores": len(scores),
    }
