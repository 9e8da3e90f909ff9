"""From the scores of every seed to the comparisons that the report opens with."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from snakelm.metrics.ranges import difference_range, range_of
from snakelm.report.numbers import decimals, fixed, interval
from snakelm.report.ordering import natural
from snakelm.report.scores import FIRST_INITS, Cell, inits_of
from snakelm.runs.records import Subject
from snakelm.statistics import verdicts
from snakelm.statistics.estimates import Estimate, Scores, difference, estimate
from snakelm.statistics.verdicts import Verdict


@dataclass(frozen=True)
class Shown:
    """An estimate and how it is written; None where no seed gave a value."""

    estimate: Estimate | None
    lost: int = 0
    """Seeds that were run but did not enter: without a finite value or, in a difference, without a partner."""
    signed: bool = False
    places: int = 3
    deterministic: bool = False

    @property
    def mean_text(self) -> str:
        return fixed(self.estimate.value, self.places, self.signed) if self.estimate else "n/a"

    @property
    def interval_text(self) -> str:
        """[low, high]; nothing where there is none; words where seeds alone are covered and all are equal, for a width
        of 0 would suggest certainty."""
        found = self.estimate
        if found is None or found.low is None or found.high is None:
            return ""
        if found.covers == "seeds" and found.same_in_every_seed:
            return "the same in every seed"
        return interval(found.low, found.high, self.places, self.signed)

    @property
    def n_text(self) -> str:
        """The number of seeds; nothing for a baseline, which has none."""
        if self.deterministic:
            return ""
        return f"n\u202f=\u202f{self.estimate.seeds if self.estimate else 0}"


@dataclass(frozen=True)
class Against:
    """The pretrained model against something else: a difference with its verdict, or why there is none."""

    shown: Shown | None
    verdict: Verdict | None = None
    absence: str = ""
    """Why there is no difference: no random runs, no seed has a value in both."""
    margin: float | None = None

    @property
    def estimate(self) -> Estimate | None:
        return self.shown.estimate if self.shown else None

    @property
    def mark(self) -> str:
        """better, worse, equivalent, inconclusive, or none."""
        return self.verdict.word if self.verdict else "none"

    @property
    def words(self) -> str:
        """The verdict for a table, with the reserve of Holm's correction and what would decide it."""
        if self.verdict is None or self.estimate is None:
            return self.absence
        if self.estimate.covers == "nothing":
            return "one seed: no interval"
        words: str = self.verdict.word
        if self.verdict.holm not in (None, self.verdict.word):
            words += ", not after Holm\u2019s correction"
        if enough := enough_words(self.verdict):
            words += f"; {enough}"
        return words


@dataclass(frozen=True)
class Comparison:
    """One model on one task by one metric: an estimate per init and baseline, and what the pretrained model is worth
    beside random weights and beside the best baseline."""

    subject: Subject
    """The model, the task and the swept keys."""
    metric: str
    main: bool
    greater_is_better: bool | None
    test_rows: tuple[str, ...]
    """How many rows were scored, as the evaluation wrote it; more than one entry if that differs between runs."""
    estimates: Mapping[str, Shown]
    """By init or baseline."""
    difference: Against
    """Pretrained − random."""
    best_baseline: str
    """The name of the baseline with the best mean; empty if there is none."""
    chosen_on: str
    """The split on which it was found to be the best; test only where validation was not scored."""
    baseline: Against
    """Pretrained − best baseline."""
    unit: str = "row"
    """What of the test was drawn independently: row, or the column of groups."""

    @property
    def model(self) -> str:
        return self.subject.model

    @property
    def task(self) -> str:
        return self.subject.task

    @property
    def direction(self) -> str:
        return {True: "higher is better", False: "lower is better", None: ""}[self.greater_is_better]

    @property
    def scored(self) -> str:
        """How the task is scored, in words: accuracy, higher is better."""
        return ", ".join(part for part in (self.metric.replace("_", " "), self.direction) if part)


def compare(cells: Sequence[Cell], confidence: float) -> list[Comparison]:
    """A comparison per model, task and metric, those of one task together and its main metric first.

    Where no metric of a task is marked as main, its first one counts as that. Holm's correction is over the main
    metrics of all models and tasks, for each of the two questions (random weights, best baseline) by itself.
    """
    groups: dict[tuple[str, str, str], list[Cell]] = {}
    first_metric: dict[str, str] = {}
    marked: set[str] = set()
    for cell in cells:
        for score in cell.scores:
            if score.split == "test":
                group = groups.setdefault((cell.subject.task, cell.subject.model, score.metric), [])
                if not group or group[-1] is not cell:
                    group.append(cell)
                first_metric.setdefault(cell.subject.task, score.metric)
                if score.main:
                    marked.add(cell.subject.task)
    found = []
    for (task, _, metric), group in groups.items():
        main = any(one.main for cell in group for one in cell.of(metric))
        found.append(_comparison(metric, main if task in marked else metric == first_metric[task], group, confidence))
    found = _corrected(found, confidence)
    return sorted(found, key=lambda one: (natural(one.task), not one.main, natural(one.scored), natural(one.model)))


def _comparison(metric: str, main: bool, cells: Sequence[Cell], confidence: float) -> Comparison:
    by_init = {cell.subject.init: cell for cell in cells}
    by_init = {init: by_init[init] for init in inits_of(by_init)}
    samples = {init: cell.sample(metric) for init, cell in by_init.items()}
    estimates = {init: _shown(sample, metric, confidence) for init, sample in samples.items()}
    places = min((one.places for one in estimates.values() if one.estimate), default=3)
    of_metric = [score for cell in cells for score in cell.of(metric)]
    greater_is_better = of_metric[0].greater_is_better
    against = partial(
        _against, samples, metric, greater_is_better is not False, places, confidence, _margin(cells, metric)
    )
    best, chosen_on = best_baseline(by_init, metric, greater_is_better is not False)
    pretrained = by_init.get(FIRST_INITS[0], cells[0])
    return Comparison(
        subject=replace(pretrained.subject, init="", seed=None),
        metric=metric,
        main=main,
        greater_is_better=greater_is_better,
        test_rows=tuple(dict.fromkeys(score.n for score in of_metric if score.n)),
        estimates={init: replace(one, places=places) for init, one in estimates.items()},
        difference=against(FIRST_INITS[1]),
        best_baseline=best,
        chosen_on=chosen_on,
        baseline=against(best) if best else Against(None, absence="no baseline"),
        unit=str(pretrained.about.get("unit", "row")),
    )


def best_baseline(cells: Mapping[str, Cell], metric: str, greater_is_better: bool) -> tuple[str, str]:
    """The best of the baselines by its mean, and the split on which that was found out: validation, or the test where
    not all of them have validation rows (a choice on the test makes the rival look a little better than it is)."""
    rivals = {init: cell for init, cell in cells.items() if cell.deterministic}
    for split in ("validation", "test"):
        means = {init: cell.mean(metric, split) for init, cell in rivals.items()}
        known = {init: mean for init, mean in means.items() if mean is not None and math.isfinite(mean)}
        if known and len(known) == len(rivals):
            return (max if greater_is_better else min)(known, key=lambda init: known[init]), split
    return "", ""


def _shown(sample: Scores, metric: str, confidence: float) -> Shown:
    found = estimate(sample, confidence, range_of(metric))
    if found is None:
        return Shown(None, lost=len(sample.values))
    return Shown(found, found.lost, places=decimals(found.value), deterministic=sample.deterministic)


def _against(
    samples: Mapping[str, Scores],
    metric: str,
    greater_is_better: bool,
    places: int,
    confidence: float,
    margin: float | None,
    other: str,
) -> Against:
    """Pretrained minus `other`, and what may be said of it."""
    absent = [init for init in (FIRST_INITS[0], other) if init not in samples]
    if absent:
        return Against(None, absence=f"no {' and no '.join(absent)} runs")
    found = difference(samples[FIRST_INITS[0]], samples[other], confidence, difference_range(metric))
    if found is None:
        return Against(None, absence="no seed has a value in both")
    shown = Shown(found, found.lost, signed=True, places=places)
    return Against(shown, verdicts.verdict(found, greater_is_better, margin), margin=margin)


def _margin(cells: Sequence[Cell], metric: str) -> float | None:
    stated = next((cell.margin for cell in cells if cell.margin is not None), None)
    return verdicts.margin_of(stated, metric)


def _corrected(comparisons: list[Comparison], confidence: float) -> list[Comparison]:
    """The main comparisons' verdicts with Holm's correction over all of them."""
    asked: tuple[Callable[[Comparison], Against], ...] = (lambda one: one.difference, lambda one: one.baseline)
    for name, of in zip(("difference", "baseline"), asked, strict=True):
        places = [place for place, one in enumerate(comparisons) if one.main and of(one).verdict is not None]
        family = [verdict for place in places if (verdict := of(comparisons[place]).verdict) is not None]
        if len(family) > 1:
            for place, verdict in zip(places, verdicts.holm(family, confidence), strict=True):
                changed: dict[str, Any] = {name: replace(of(comparisons[place]), verdict=verdict)}
                comparisons[place] = replace(comparisons[place], **changed)
    return comparisons


def enough_words(verdict: Verdict) -> str:
    """What it would take to see the observed difference, in words; '' where that is not known or not asked."""
    needed = verdict.needed
    if needed is None:
        return ""
    ways = [f"{needed.seeds:,} seeds"] if needed.seeds else []
    ways += [f"{needed.rows:,} test rows"] if needed.rows else []
    return f"it would take {' or '.join(ways)} to see a difference of this size" if ways else ""


def headline(comparisons: Sequence[Comparison], scores: int, answers: Sequence[str]) -> dict[str, Any]:
    """The numbers and sentences by which the report's own run is known; `scores`: how many there are in all."""
    marks = [one.difference.mark for one in comparisons if one.main and one.difference.shown]
    return {
        "comparisons": len(marks),
        **{word: marks.count(word) for word in ("better", "worse", "equivalent", "inconclusive")},
        "scores": scores,
        "answers": list(answers),
    }
