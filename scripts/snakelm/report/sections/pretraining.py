"""Pretraining: what the models are, their curves, and what they write."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from snakelm.report.charts import Chart, Series
from snakelm.report.curves import axis, curve, read_log
from snakelm.report.fact_tables import FactTable, facts
from snakelm.report.runs import FinishedRun
from snakelm.report.story import Story

MOST = 40
"""Models, at most, whose curves and samples are shown."""
CHARTS = (
    ("Loss, nats per token", (("loss", False), ("validation_loss", True))),
    ("Validation, bits per byte", (("bits_per_byte", True),)),
    ("Learning rate", (("learning_rate", True),)),
)


@dataclass(frozen=True)
class Pretraining:
    models: FactTable
    charts: Sequence[Chart]
    samples: Sequence[tuple[str, str, int]]
    """(model, beginning of its samples, characters left out)."""
    left_out: int
    """Models whose curves are not shown."""


def pretraining(story: Story) -> Pretraining:
    shown = story.models[:MOST]
    return Pretraining(
        models=facts("model", story.models, model_settings(story.models)),
        charts=_charts(shown),
        samples=samples(shown, story.config.sample_characters),
        left_out=len(story.models) - len(shown),
    )


def model_settings(runs: Sequence[FinishedRun]) -> dict[str, dict[str, Any]]:
    """What kind of model each pretraining run trained."""
    return {
        run.entry: {
            key: run.manifest.config[key]
            for key in ("architecture", "objective")
            if isinstance(run.manifest.config.get(key), str)
        }
        for run in runs
    }


def _charts(runs: Sequence[FinishedRun]) -> list[Chart]:
    """All models over one another."""
    logs = {run.entry: log for run in runs if (log := read_log(run)).columns}
    x = axis(list(logs.values()), ("tokens", "step"))
    if x is None:
        return []
    points = max(40, min(300, 6000 // len(logs)))
    found = []
    for label, columns in CHARTS:
        lines, lost = [], []
        for place, (model, log) in enumerate(logs.items()):
            for column, strong in columns:
                line = curve(log, x, column, points)
                if line.lost:
                    lost.append(f"{model}: {column} is not a finite number at {line.lost} point{'s' * (line.lost > 1)}")
                if line:
                    lines.append(Series.of(model, line, place, strong))
        if lines:
            title = f"Pretraining: {label}"
            of_x = {"tokens": "tokens seen", "step": "step"}[x]
            found.append(Chart("lines", label, title, tuple(lines), of_x, label, note="; ".join(lost)))
    return found


def samples(runs: Sequence[FinishedRun], characters: int) -> list[tuple[str, str, int]]:
    """(model, beginning of its samples, characters left out) of every model that wrote some."""
    found = []
    for run in runs if characters else ():
        text = run.text("samples.txt")
        if text and text.strip():
            text = visible(text.strip("\n"))
            found.append((run.entry, text[:characters], max(0, len(text) - characters)))
    return found


def visible(text: str) -> str:
    """The text with the pictures that Unicode has for control characters, which HTML could not hold."""
    return re.sub(
        r"[\x00-\x08\x0b-\x1f\x7f]",
        lambda control: "\u2421" if control[0] == "\x7f" else chr(0x2400 + ord(control[0])),
        text,
    )
