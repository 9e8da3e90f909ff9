"""The results of two recipes, cell by cell, and their differences with intervals."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from snakelm.metrics.ranges import difference_range, range_of
from snakelm.report.comparisons import Against, Shown
from snakelm.report.numbers import decimals
from snakelm.report.ordering import natural
from snakelm.report.scores import FIRST_INITS, Cell
from snakelm.report.story import Story
from snakelm.statistics import verdicts
from snakelm.statistics.estimates import difference, estimate


@dataclass(frozen=True)
class Pair:
    """One task, model and init in both recipes, by the task's main metric."""

    task: str
    model: str
    """As the new recipe calls it; `old → new` where the names differ."""
    init: str
    metric: str
    greater_is_better: bool | None
    old: Shown
    new: Shown
    difference: Against
    """New − old."""
    same_run: bool
    """Whether both are the same evaluation."""

    @property
    def what(self) -> str:
        return f"{self.task} ({self.model}, {self.init})"

    @property
    def sentence(self) -> str:
        """era (tiny, pretrained): the new one is better, +0.050 [+0.010, +0.090]."""
        if self.same_run:
            return f"{self.what}: the same run, {self.new.mean_text}"
        shown = self.difference.shown
        if shown is None or self.difference.verdict is None:
            return f"{self.what}: {self.difference.absence}"
        word = {
            "better": "better",
            "worse": "worse",
            "equivalent": "equal within the margin",
            "inconclusive": "not clearly different",
        }[self.difference.verdict.word]
        return f"{self.what}: {word}, {shown.mean_text} {shown.interval_text}".rstrip()


def pairs(old: Story, new: Story) -> list[Pair]:
    """The cells that both have; a model that is called otherwise is found where each recipe has one model alone.

    Differences are paired by seed and by test row wherever both scored the same rows; else each side's rows and seeds
    are not told apart (statistics/estimates.py)."""
    others = {_key(cell): cell for cell in old.cells}
    alone = {_key(cell, model=False): cell for cell in old.cells} if _one_model(old) and _one_model(new) else {}
    metrics = {(one.model, one.task): one.metric for one in new.main}
    found = []
    for cell in new.cells:
        other = others.get(_key(cell)) or alone.get(_key(cell, model=False))
        metric = metrics.get((cell.subject.model, cell.subject.task))
        if other is not None and metric is not None and other.of(metric) and cell.of(metric):
            found.append(_pair(other, cell, metric, new.confidence))
    return sorted(found, key=lambda pair: (natural(pair.task), natural(pair.model), _order(pair.init)))


def only_in(story: Story, other: Story, found: list[Pair]) -> list[str]:
    """The tasks, with model and init, that the other recipe has no result of."""
    paired: dict[tuple[str, str], set[str]] = defaultdict(set)
    for pair in found:
        paired[pair.task, pair.init].update(pair.model.split(" → "))
    return [
        f"{cell.subject.task} ({cell.subject.model}, {cell.subject.init})"
        for cell in story.cells
        if cell.subject.model not in paired[cell.subject.task, cell.subject.init]
    ]


def _pair(old: Cell, new: Cell, metric: str, confidence: float) -> Pair:
    before, after = old.sample(metric), new.sample(metric)
    shown = []
    for sample in (before, after):
        found = estimate(sample, confidence, range_of(metric))
        shown.append(Shown(found, places=decimals(found.value) if found else 3, deterministic=sample.deterministic))
    greater = new.of(metric)[0].greater_is_better
    same = old.folder == new.folder
    places = min(one.places for one in shown)
    against = Against(None, absence="the same run" if same else "no seed has a value in both")
    if not same and (found := difference(after, before, confidence, difference_range(metric))) is not None:
        margin = verdicts.margin_of(new.margin, metric)
        verdict = verdicts.verdict(found, greater is not False, margin)
        against = Against(Shown(found, found.lost, True, places), verdict, margin=margin)
    a, b = old.subject.model, new.subject.model
    name = b if a == b else f"{a} → {b}"
    return Pair(new.subject.task, name, new.subject.init, metric, greater, shown[0], shown[1], against, same)


def _key(cell: Cell, model: bool = True) -> tuple[str, str, str]:
    return cell.subject.model if model else "", cell.subject.task, cell.subject.init


def _one_model(story: Story) -> bool:
    return len({cell.subject.model for cell in story.cells}) == 1


def _order(init: str) -> tuple[int, str]:
    return (FIRST_INITS.index(init) if init in FIRST_INITS else len(FIRST_INITS), init)
