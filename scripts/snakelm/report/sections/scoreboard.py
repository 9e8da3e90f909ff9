"""All scores in one table that the reader sorts, filters and copies; and, where they are few, by task."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from snakelm.report.charts import Column, Table
from snakelm.report.comparisons import Against, Comparison, Shown
from snakelm.report.ordering import natural
from snakelm.report.scores import FIRST_INITS, swept_keys
from snakelm.report.story import Story

MOST_ROWS = 150
"""Comparisons, at most, that are also shown by task."""
MOST_SORTABLE = 3000
"""Rows, at most, of the sortable table: beyond, the metrics that are not the main one are in metrics.tsv alone."""

Group = tuple[str, str, Sequence[Comparison]]


@dataclass(frozen=True)
class Scoreboard:
    table: Table | None
    by_task: Sequence[Group]
    """(task, how it is scored, comparisons); empty where there are too many."""
    other_metrics: Sequence[Group]
    inits: Sequence[str]
    confidence: str
    """In per cent."""
    compared: bool
    """Whether anything is compared with random weights."""
    rivals: bool
    """Whether there are baselines."""
    covered: dict[str, list[str]]
    by_chance: str
    chosen_on_test: Sequence[str]
    some_lost: bool


def scoreboard(story: Story) -> Scoreboard:
    main = story.main
    other = [one for one in story.comparisons if not one.main]
    return Scoreboard(
        table=_table(story) if story.comparisons else None,
        by_task=grouped(main) if len(main) <= MOST_ROWS else [],
        other_metrics=grouped(other) if len(main) <= MOST_ROWS and len(other) <= 4 * MOST_ROWS else [],
        inits=story.inits,
        confidence=f"{100 * story.confidence:g}",
        compared=any(one.difference.shown for one in main),
        rivals=any(one.best_baseline for one in story.comparisons),
        covered=covered(story.comparisons),
        by_chance=by_chance(main, story.confidence),
        chosen_on_test=list(dict.fromkeys(one.task for one in main if one.chosen_on == "test")),
        some_lost=any(one.lost for each in story.comparisons for one in shown_of(each)),
    )


def _table(story: Story) -> Table:
    swept = sorted({key for one in story.comparisons for key in swept_keys(one.subject)}, key=natural)
    facts = {run.entry: run.manifest.headline for run in story.models}
    pretrained, random = FIRST_INITS
    columns = (
        *(Column("task"), Column("model"), *(Column(key) for key in swept), Column("metric"), Column("main")),
        *(Column(pretrained, "score"), Column("interval"), Column(random, "score")),
        *(Column("− random", "difference"), Column("its interval"), Column("verdict")),
        *(Column("best baseline"), Column("its score", "score"), Column("− baseline", "difference")),
        *(Column("interval of that"), Column("verdict on that")),
        *(Column(name, "number") for name in ("seeds", "test rows", "parameters", "tokens")),
    )
    shown = story.comparisons if len(story.comparisons) <= MOST_SORTABLE else story.main
    rows = []
    for one in shown:
        values = swept_keys(one.subject)
        of_model = facts.get(one.model, {})
        main = one.estimates.get(pretrained)
        rows.append(
            (
                *(one.task, one.model, *(_text(values.get(key)) for key in swept)),
                *(one.metric.replace("_", " "), "main" if one.main else "other"),
                *(_value(main), main.interval_text if main else "", _value(one.estimates.get(random))),
                *_against(one.difference),
                *(one.best_baseline, _value(one.estimates.get(one.best_baseline)), *_against(one.baseline)),
                *(main.estimate.seeds if main and main.estimate else None, _rows(one)),
                *(of_model.get("parameters"), of_model.get("tokens")),
            )
        )
    empty = {place for place in range(2, len(columns)) if all(row[place] in (None, "") for row in rows)}
    if len({row[3 + len(swept)] for row in rows}) == 1:
        empty.add(3 + len(swept))
    kept = [place for place in range(len(columns)) if place not in empty]
    return Table(
        "scoreboard",
        tuple(columns[place] for place in kept),
        tuple(tuple(row[place] for place in kept) for row in rows),
        "All scores, one row per task, model and metric",
    )


def _against(found: Against) -> tuple[float | None, str, str]:
    shown = found.shown
    return _value(shown), shown.interval_text if shown else "", found.verdict.word if found.verdict else ""


def _value(shown: Shown | None) -> float | None:
    return round(shown.estimate.value, shown.places) if shown and shown.estimate else None


def _rows(one: Comparison) -> int | None:
    return int(one.test_rows[0]) if one.test_rows and one.test_rows[0].isdecimal() else None


def _text(value: Any) -> Any:
    return "" if value is None else value if isinstance(value, (int, float, str)) else str(value)


def by_chance(comparisons: Sequence[Comparison], confidence: float) -> str:
    """How many of the main comparisons would be clear of 0 if there were no difference; '' for fewer than five."""
    tested = sum(bool(one.difference.verdict and one.difference.verdict.p is not None) for one in comparisons)
    return f"{tested * (1 - confidence):.1f}" if tested > 4 else ""


def shown_of(one: Comparison) -> list[Shown]:
    """Every estimate that the table has of a comparison."""
    differences = (one.difference.shown, one.baseline.shown)
    return [*one.estimates.values(), *(shown for shown in differences if shown)]


def covered(comparisons: Sequence[Comparison]) -> dict[str, list[str]]:
    """What the intervals cover → the tasks of which that is said: seeds and rows, rows, seeds; and the units of tests
    that are no rows."""
    found: dict[str, dict[str, None]] = {}
    for one in comparisons:
        main = next((shown.estimate for shown in one.estimates.values() if shown.estimate), None)
        for key in (main.covers if main else "", "" if one.unit == "row" else one.unit):
            found.setdefault(key, {})[one.task] = None
    return {key: list(tasks) for key, tasks in found.items() if key}


def grouped(comparisons: Sequence[Comparison]) -> list[Group]:
    """The comparisons under their headings: (task, how it is scored, comparisons)."""
    groups: list[Group] = []
    for (task, scored), group in itertools.groupby(comparisons, key=lambda one: (one.task, one.scored)):
        members = list(group)
        counts = sorted({count for one in members for count in one.test_rows}, key=natural)
        groups.append((task, f"{scored}, {' or '.join(counts)} test rows" if counts else scored, members))
    return groups
