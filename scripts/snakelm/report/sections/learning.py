"""Learning curves: the score over the number of labelled rows, and over the size of model or budget where swept."""

from __future__ import annotations

import json
from collections.abc import Sequence

from snakelm.report.charts import Chart, Series
from snakelm.report.comparisons import Comparison
from snakelm.report.runs import FinishedRun, fine_tunings
from snakelm.report.story import Story

MOST = 24
"""Charts, at most, of each kind."""
LARGER = 1.2
"""Times the smallest that the largest of some sizes is, at least, for a curve over them."""


def learning_curves(story: Story) -> list[Chart]:
    return [*_over_rows(story)[:MOST], *_over_budget(story)[:MOST]]


def _over_rows(story: Story) -> list[Chart]:
    """Where the recipe has several sizes of what is otherwise one task."""
    tasks = _sized_tasks(story.runs)
    families: dict[tuple[str, str, str], dict[int, Comparison]] = {}
    for comparison in story.main:
        if comparison.task in tasks:
            settings, size = tasks[comparison.task]
            families.setdefault((settings, comparison.model, comparison.scored), {}).setdefault(size, comparison)
    found = []
    for (_, model, scored), by_size in families.items():
        family = sorted(by_size.items())
        lines = _lines([(float(size), one) for size, one in family], story.inits)
        if len(family) > 1 and lines:
            smallest, largest = family[0][1].task, family[-1][1].task
            title = f"{model} on {smallest} to {largest} by the number of labelled rows"
            caption = f"{smallest} to {largest}, {model}"
            found.append(Chart("lines", caption, title, lines, "labelled rows", scored, logarithmic=True))
    return found


def _over_budget(story: Story) -> list[Chart]:
    """Where models of one recipe differ by the tokens that they have seen or by their size: checkpoints and budgets
    of one training, sweeps over steps or widths. One line per init over the models in that order."""
    facts = {run.entry: run.manifest.headline for run in story.models}
    found = []
    for key, label in (("tokens", "tokens of pretraining"), ("parameters", "parameters")):
        for task in dict.fromkeys(one.task for one in story.main):
            sized = [
                (float(size), one)
                for one in story.main
                if one.task == task and isinstance(size := facts.get(one.model, {}).get(key), int)
            ]
            sizes = {size for size, _ in sized}
            # Models of one size each: else other things than the size differ, and a line would mix them up.
            if len(sizes) > 2 and len(sizes) == len(sized) and max(sizes) >= LARGER * min(sizes):
                sized.sort(key=lambda pair: pair[0])
                lines = _lines(sized, story.inits)
                title = f"{task} by {label}, {len(sizes)} models"
                found.append(Chart("lines", title, title, lines, label, sized[0][1].scored, logarithmic=True))
    return found


def _lines(family: Sequence[tuple[float, Comparison]], inits: Sequence[str]) -> tuple[Series, ...]:
    """The means of each init over the sizes, with their intervals where all of them have one."""
    found = []
    for place, init in enumerate(inits):
        points = [
            (size, shown.estimate)
            for size, one in family
            if (shown := one.estimates.get(init)) is not None and shown.estimate is not None
        ]
        if points:
            whole = all(one.low is not None for _, one in points)
            low, high = ([one.low for _, one in points], [one.high for _, one in points]) if whole else ([], [])
            found.append(
                Series(init, [size for size, _ in points], [one.value for _, one in points], place, True, low, high)
            )
    return tuple(found)


def _sized_tasks(runs: Sequence[FinishedRun]) -> dict[str, tuple[str, int]]:
    """Task → its other settings, as text, and its number of labelled rows; tasks that take all rows are left out."""
    found: dict[str, set[tuple[str, int | None]]] = {}
    for (_, task, _), members in fine_tunings(runs).items():
        for run in members:
            config = run.manifest.config.get("task")
            settings = dict(config) if isinstance(config, dict) else {}
            size = settings.pop("max_train_rows", None)
            text = json.dumps(settings, sort_keys=True)
            found.setdefault(task, set()).add((text, size if isinstance(size, int) else None))
    return {
        task: (text, size)
        for task, kinds in found.items()
        if len(kinds) == 1
        for text, size in kinds
        if size is not None
    }
