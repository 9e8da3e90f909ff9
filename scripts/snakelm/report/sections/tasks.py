"""Per task: scores, labels one by one, what is taken for what, and the most confident errors with their text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from snakelm.metrics.details import Calibration, Classes, Confusion, Details, Group, Residuals, WrongRow
from snakelm.report.charts import Chart, Series
from snakelm.report.numbers import fixed, plain
from snakelm.report.scores import FIRST_INITS, Cell
from snakelm.report.sections.differences import scores_by_task
from snakelm.report.sections.pretraining import visible
from snakelm.report.story import Story

MOST = 16
"""Tasks, at most, that are looked at."""


@dataclass(frozen=True)
class Heat:
    """A confusion matrix: the labels, and of each cell its count and its share of the row."""

    labels: Sequence[str]
    rows: Sequence[tuple[str, Sequence[tuple[int, float]]]]
    unit: str


@dataclass(frozen=True)
class Task:
    name: str
    about: str
    """Of whose predictions all but the scores are."""
    facts: Sequence[str]
    charts: Sequence[Chart]
    confusion: Heat | None
    pairs: Sequence[tuple[str, str, int]]
    """(true, predicted, how often) of the most frequent errors, where there is no matrix."""
    errors: Sequence[WrongRow]


@dataclass(frozen=True)
class Tasks:
    shown: Sequence[Task]
    left_out: int


def tasks(story: Story) -> Tasks:
    names = list(dict.fromkeys(one.task for one in story.main))
    scores = scores_by_task(story, names[:MOST])
    found = _looked_at(story)
    return Tasks([_task(name, scores.get(name), found.get(name)) for name in names[:MOST]], max(0, len(names) - MOST))


def _looked_at(story: Story) -> dict[str, tuple[Cell, Details]]:
    """Task → the cell whose details are shown: that of its first model, pretrained if there is one."""
    found: dict[str, tuple[Cell, Details]] = {}
    for wanted in (*FIRST_INITS, None):
        for cell, details in story.details:
            if wanted is None or cell.subject.init == wanted:
                found.setdefault(cell.subject.task, (cell, details))
    return found


def _task(name: str, scores: Chart | None, looked_at: tuple[Cell, Details] | None) -> Task:
    charts = [scores] if scores else []
    if looked_at is None:
        return Task(name, "", [], charts, None, [], [])
    cell, details = looked_at
    seeds = [seed for seed in details.seeds if seed]
    about = f"{cell.subject.model}, {cell.subject.init}" + (f", {len(seeds)} seeds" if len(seeds) > 1 else "")
    of = f"{name} ({about})"
    charts += _classes(details.classes, of) if details.classes else []
    charts += [_calibration(details.calibration, of)] if details.calibration else []
    charts += [_residuals(details.residuals, of)] if details.residuals and details.residuals.bins else []
    charts += _groups(details.groups, of)
    confusion = _heat(details.confusion) if details.confusion and details.confusion.labels else None
    pairs = details.confusion.pairs if details.confusion and not confusion else []
    return Task(
        name,
        about,
        list(_facts(details)),
        charts,
        confusion,
        [(visible(pair.gold), visible(pair.predicted), pair.count) for pair in pairs],
        [_shown(error) for error in details.errors],
    )


def _facts(details: Details) -> Iterator[str]:
    if details.rows:
        yield f"{plain(details.rows)} test rows"
    if details.parameters:
        yield f"{plain(details.parameters)} parameters"
    if details.auroc and details.auroc.mean is not None:
        yield f"AUROC {fixed(details.auroc.mean, 3)}"
    if details.calibration and details.calibration.ece.mean is not None:
        yield f"expected calibration error {fixed(details.calibration.ece.mean, 3)}"
    if details.classes and details.classes.labels > len(details.classes.scores):
        yield f"the {len(details.classes.scores)} most frequent of {plain(details.classes.labels)} labels"


def _classes(classes: Classes, of: str) -> list[Chart]:
    """How often each label is there and is predicted; and its precision, recall and F1."""
    names = tuple(visible(one.label) for one in classes.scores)
    places = range(len(names))
    balance = (
        Series("in the test", places, [one.support for one in classes.scores], 0),
        Series("predicted", places, [one.predicted for one in classes.scores], 1),
    )
    quality = (
        Series("precision", places, [one.precision for one in classes.scores], 0),
        Series("recall", places, [one.recall for one in classes.scores], 1),
        Series("F1", places, [one.f1 for one in classes.scores], 2),
    )
    unit = f"test {classes.unit}"
    return [
        Chart(
            "bars", "Label balance", f"How often each label of {of} is there and is predicted", balance, unit, "", names
        ),
        Chart("bars", "By label", f"Precision, recall and F1 of each label of {of}", quality, "score", "", names),
    ]


def _calibration(found: Calibration, of: str) -> Chart:
    """The reliability curve."""
    line = Series("predictions", [one.confidence for one in found.bins], [one.accuracy for one in found.bins])
    title = f"Reliability of {of}: share that is right over the probability that was given; the dashed line is perfect"
    return Chart(
        "lines", "Calibration", title, (line,), "probability", "share that is right", diagonal=True, legend=False
    )


def _residuals(found: Residuals, of: str) -> Chart:
    """Quantiles of target − prediction over the prediction."""
    x = [one.prediction for one in found.bins]
    levels = [[one.quantiles[place] for one in found.bins] for place in range(5)]
    series = (
        Series("5 to 95 %", x, levels[2], 0, False, levels[0], levels[4]),
        Series("median, 25 to 75 %", x, levels[2], 0, True, levels[1], levels[3]),
    )
    title = f"Residuals of {of}: median, and intervals with 50 and 90 % of the rows, by what is predicted"
    return Chart("lines", "Residuals", title, series, "prediction", "target − prediction", zero=True, legend=False)


def _groups(groups: Sequence[Group], of: str) -> list[Chart]:
    """The score of each part of the test, one chart per metric."""
    charts = []
    for metric in dict.fromkeys(group.metric for group in groups):
        members = [group for group in groups if group.metric == metric and group.mean is not None]
        if members:
            low, high = [group.low for group in members], [group.high for group in members]
            series = Series(metric, range(len(members)), [group.mean for group in members], 0, True, low, high)
            names = tuple(f"{visible(group.name)} ({plain(group.rows)})" for group in members)
            label = metric.replace("_", " ")
            title = f"{label} on each part of {of}; in brackets its rows"
            charts.append(Chart("intervals", f"Parts of the test: {label}", title, (series,), label, names=names))
    return charts


def _heat(found: Confusion) -> Heat:
    labels = [visible(label) for label in found.labels]
    rows = []
    for label, counts in zip(labels, found.matrix, strict=True):
        total = sum(counts) or 1
        rows.append((label, [(count, round(count / total, 3)) for count in counts]))
    return Heat(labels, rows, found.unit)


def _shown(error: WrongRow) -> WrongRow:
    return WrongRow(error.row, visible(error.text), visible(error.gold), visible(error.predicted), error.score)
