"""Fine-tuning: a panel per model and task with a line per seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from snakelm.report.charts import Chart, Series
from snakelm.report.curves import TrainingLog, axis, curve, metric_column, read_log
from snakelm.report.ordering import natural
from snakelm.report.runs import FinishedRun, fine_tunings
from snakelm.report.story import Story

MAX_PANELS = 24


@dataclass(frozen=True)
class Finetuning:
    charts: Sequence[Chart]
    legend: Sequence[tuple[str, int]]
    """(init, place of its colour) of those that are drawn."""
    left_out: int
    """Panels that are not drawn."""


def finetuning(story: Story) -> Finetuning:
    main = {(one.model, one.task): one.metric for one in story.main}
    panels: dict[tuple[str, str], list[tuple[FinishedRun, str]]] = {}
    for (model, task, init), members in fine_tunings(story.runs).items():
        panels.setdefault((task, model), []).extend((run, init) for run in members)
    charts: list[Chart] = []
    left_out = 0
    for (task, model), drawn in sorted(panels.items(), key=lambda panel: [natural(part) for part in panel[0]]):
        if len(charts) == MAX_PANELS:
            left_out += 1
            continue
        logs = [(read_log(run), init) for run, init in drawn]
        x = axis([log for log, _ in logs], ("epoch", "step"))
        if x is not None and (chart := _panel(task, model, logs, x, main.get((model, task)), story.inits)) is not None:
            charts.append(chart)
    places = {line.colour for chart in charts for line in chart.series}
    return Finetuning(charts, [(init, place) for place, init in enumerate(story.inits) if place in places], left_out)


def _panel(
    task: str, model: str, logs: Sequence[tuple[TrainingLog, str]], x: str, main: str | None, inits: Sequence[str]
) -> Chart | None:
    """Curves of one model on one task; `logs` come with their inits. None if there is nothing to draw."""
    columns = [metric_column(log, main) for log, _ in logs]
    column = next((found for found in columns if found), "loss")
    lines = [(curve(log, x, column, 100), init) for log, init in logs if init in inits]
    series = tuple(Series.of(init, line, inits.index(init)) for line, init in lines if line)
    if not series:
        return None
    named = main if column == "validation_metric" else None
    metric = (f"validation {named}" if named else column).replace("_", " ")
    title = f"Fine-tuning {model} on {task}: {metric}"
    return Chart("lines", f"{task}, {model}", title, series, x, metric, legend=False)
