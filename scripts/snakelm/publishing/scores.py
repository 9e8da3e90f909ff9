"""What was measured of a model, as its card says it: read from the evaluations of a plan."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from snakelm.planning.plan import Plan, PlannedRun
from snakelm.report.numbers import decimals, fixed, interval


@dataclass(frozen=True)
class Score:
    """A metric of one cell (model, task, init), over its seeds."""

    task: str
    task_type: str
    init: str
    metric: str
    is_main: bool
    greater_is_better: bool | None
    mean: float
    low: float | None
    high: float | None
    """The interval at `confidence`; None where one seed alone was run."""
    confidence: float
    rows: int | None
    """Test rows."""
    values: Mapping[str, float]
    """Seed → value."""

    @property
    def text(self) -> str:
        """The mean, and the interval where there is one."""
        places = decimals(self.mean)
        mean = fixed(self.mean, places)
        if self.low is None or self.high is None:
            return mean
        if self.low == self.high:  # a width of 0 would suggest certainty
            return f"{mean}, the same in every seed"
        return f"{mean} {interval(self.low, self.high, places)}"

    @property
    def interval_text(self) -> str:
        """The interval in words; '' where there is none."""
        if self.low is None or self.high is None:
            return ""
        if self.low == self.high:
            return f"the same in all {len(self.values)} seeds"
        return f"{self.confidence:.0%} interval over {len(self.values)} seeds: {self.low:g} to {self.high:g}"

    @property
    def metric_text(self) -> str:
        direction = {True: " (higher is better)", False: " (lower is better)", None: ""}[self.greater_is_better]
        return self.metric.replace("_", " ") + direction


class Scores:
    """The scores of a plan's finished evaluations, found by the run that they speak of."""

    def __init__(self, plan: Plan):
        self._plan = plan
        self._read: dict[Path, list[Score]] = {}

    def evaluations(self, run: PlannedRun) -> list[PlannedRun]:
        """The finished evaluations of a fine-tuning, or of the fine-tunings that begin with a pretrained model."""
        return self._of_run.get(run, [])

    def of(self, run: PlannedRun) -> list[Score]:
        return [score for evaluation in self.evaluations(run) for score in self._scores(evaluation)]

    def rivals(self, run: PlannedRun) -> list[Score]:
        """The scores of everything else that was tried on the tasks of a model: random weights, baselines, …"""
        own = self.evaluations(run)
        pairs = {(evaluation.subject.model, evaluation.subject.task) for evaluation in own}
        others = [
            evaluation
            for evaluation in self._finished
            if evaluation not in own and (evaluation.subject.model, evaluation.subject.task) in pairs
        ]
        return [score for evaluation in others for score in self._scores(evaluation)]

    @cached_property
    def _finished(self) -> list[PlannedRun]:
        return [run for run in self._plan.of("evaluate") if run.done]

    @cached_property
    def _of_run(self) -> dict[PlannedRun, list[PlannedRun]]:
        found: dict[PlannedRun, list[PlannedRun]] = {}
        for evaluation in self._finished:
            tuned = list(evaluation.parents.values())
            starts = [run.parents["pretrained"] for run in tuned if "pretrained" in run.parents]
            for run in dict.fromkeys([*tuned, *starts]):
                found.setdefault(run, []).append(evaluation)
        return found

    def _scores(self, evaluation: PlannedRun) -> list[Score]:
        if evaluation.folder not in self._read:
            self._read[evaluation.folder] = list(_read(evaluation))
        return self._read[evaluation.folder]


def _read(evaluation: PlannedRun) -> list[Score]:
    try:
        cell: dict[str, Any] = json.loads((evaluation.folder / "cell.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    about = evaluation.subject
    main = cell.get("metric")
    return [
        Score(
            task=about.task,
            task_type=str(cell.get("type", "")),
            init=about.init,
            metric=name,
            is_main=name == main,
            greater_is_better=cell.get("greater_is_better") if name == main else None,
            mean=float(found["mean"]),
            low=found.get("low"),
            high=found.get("high"),
            confidence=float(cell.get("confidence", 0.95)),
            rows=cell.get("test_rows"),
            values=found.get("values", {}),
        )
        for name, found in sorted(cell.get("metrics", {}).items(), key=lambda item: item[0] != main)
        if found.get("mean") is not None and math.isfinite(found["mean"])
    ]
