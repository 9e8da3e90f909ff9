"""The forest plot: what pretraining is worth on every task, and what it is worth beside the best baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from snakelm.report.charts import Chart, Series
from snakelm.report.comparisons import Against, Comparison
from snakelm.report.scores import FIRST_INITS
from snakelm.report.story import Story


def differences(story: Story) -> list[Chart]:
    """A chart per metric and question: differences of different metrics share no axis."""
    asked: tuple[tuple[str, Callable[[Comparison], Against]], ...] = (
        ("pretrained − random", lambda one: one.difference),
        ("pretrained − best baseline", lambda one: one.baseline),
    )
    found = []
    ordered = sorted(story.main, key=lambda one: one.scored)
    for scored, group in groupby(ordered, key=lambda one: one.scored):
        members = list(group)
        for question, of in asked:
            chart = _forest(question, scored, members, of)
            if chart is not None:
                found.append(chart)
    return found


def _forest(
    question: str, scored: str, comparisons: Sequence[Comparison], of: Callable[[Comparison], Against]
) -> Chart | None:
    several = len({one.model for one in comparisons}) > 1
    rows = [(one, found) for one in comparisons if (found := of(one).estimate) is not None]
    if not rows:
        return None
    names = tuple(f"{one.task}, {one.model}" if several else one.task for one, _ in rows)
    series = Series(
        question,
        x=list(range(len(rows))),
        y=[found.value for _, found in rows],
        low=[found.low for _, found in rows],
        high=[found.high for _, found in rows],
        marks=[of(one).mark for one, _ in rows],
    )
    title = f"Forest plot: {question} by {scored}, {len(rows)} comparison{'s' * (len(rows) > 1)}"
    return Chart("intervals", f"{question}: {scored}", title, (series,), question, names=names, zero=True, legend=False)


def scores_by_task(story: Story, tasks: Sequence[str]) -> dict[str, Chart]:
    """Task → the scores of its models with their intervals, coloured by init."""
    found = {}
    for task in tasks:
        members = [one for one in story.main if one.task == task]
        series = []
        for place, init in enumerate(story.inits):
            rows = [
                (number, shown.estimate)
                for number, one in enumerate(members)
                if (shown := one.estimates.get(init)) and shown.estimate
            ]
            if rows:
                low, high = [one.low for _, one in rows], [one.high for _, one in rows]
                series.append(
                    Series(init, [row for row, _ in rows], [one.value for _, one in rows], place, True, low, high)
                )
        if series:
            inits = " and ".join(FIRST_INITS)
            title = f"Scores of the models on {task} ({members[0].scored}), {inits} and baselines"
            names = tuple(one.model for one in members)
            found[task] = Chart("intervals", "Scores", title, tuple(series), members[0].scored, names=names)
    return found
