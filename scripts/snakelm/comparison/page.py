"""The page that shows recipes side by side, laid out as the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from snakelm.comparison.changes import Change, changes
from snakelm.comparison.differences import Pair, only_in, pairs
from snakelm.comparison.sides import Side
from snakelm.report.charts import Chart, Series
from snakelm.report.page import environment, frame


@dataclass(frozen=True)
class Contrast:
    """A recipe beside the first one."""

    old: str
    new: str
    changes: Sequence[Change]
    pairs: Sequence[Pair]
    charts: Sequence[Chart]
    only_old: Sequence[str]
    only_new: Sequence[str]


def contrast(old: Side, new: Side) -> Contrast:
    found = pairs(old.story, new.story)
    return Contrast(
        old.name,
        new.name,
        changes(old.recipe, new.recipe),
        found,
        _forests(found, old.name, new.name),
        only_in(old.story, new.story, found),
        only_in(new.story, old.story, found),
    )


def _forests(found: Sequence[Pair], old: str, new: str) -> list[Chart]:
    """New − old, a chart per metric."""
    charts = []
    for metric, group in groupby(sorted(found, key=lambda pair: pair.metric), key=lambda pair: pair.metric):
        rows = [(pair, estimate) for pair in group if (estimate := pair.difference.estimate) is not None]
        if rows:
            series = Series(
                f"{new} − {old}",
                range(len(rows)),
                [estimate.value for _, estimate in rows],
                low=[estimate.low for _, estimate in rows],
                high=[estimate.high for _, estimate in rows],
                marks=[pair.difference.mark for pair, _ in rows],
            )
            label = metric.replace("_", " ")
            title = f"Forest plot: {label} of {new} minus that of {old}"
            names = tuple(pair.what for pair, _ in rows)
            charts.append(
                Chart("intervals", label, title, (series,), f"{new} − {old}", names=names, zero=True, legend=False)
            )
    return charts


def write_page(contrasts: Sequence[Contrast], file: Path) -> None:
    names = [contrasts[0].old, *(one.new for one in contrasts)]
    html = environment().get_template("compare.html").render(title=" and ".join(names), contrasts=contrasts, **frame())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(html, encoding="utf-8", newline="\n")
