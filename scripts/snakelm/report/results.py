"""From the scores of every seed to the comparison that the report opens with."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from snakelm.metrics.intervals import Interval, mean_interval, paired_difference
from snakelm.report.numbers import decimals, fixed, interval
from snakelm.report.runs import Run, natural, split_cell, to_bool, to_float

COLUMNS = ("model", "task", "init", "seed", "metric", "value", "n", "main")
FIRST_INITS = ("pretrained", "random")


@dataclass(frozen=True)
class Score:
    """One row of an evaluate run's metrics.tsv. `seed`, `n` and `text` stay as they were written."""

    model: str
    task: str
    init: str
    seed: str
    metric: str
    text: str
    n: str
    main: bool
    greater_is_better: bool | None

    @property
    def value(self) -> float:
        return to_float(self.text)


@dataclass(frozen=True)
class Estimate:
    """The mean over seeds and its interval, None where no seed gave a value, and how both are written."""

    over_seeds: Interval | None
    lost: int = 0
    """Seeds that were run but did not enter: without a finite value or, in a difference, without a partner."""
    signed: bool = False
    places: int = 3
    values: tuple[float, ...] = ()
    """The finite values, one per seed."""

    @property
    def mean_text(self) -> str:
        return fixed(self.over_seeds.mean, self.places, self.signed) if self.over_seeds else "n/a"

    @property
    def interval_text(self) -> str:
        """[low, high]; nothing below two seeds; words where all are equal: a width of 0 would feign certainty."""
        if self.over_seeds is None or self.over_seeds.low is None or self.over_seeds.high is None:
            return ""
        if _all_equal(self.over_seeds):
            return "the same in every seed"
        return interval(self.over_seeds.low, self.over_seeds.high, self.places, self.signed)

    @property
    def n_text(self) -> str:
        return f"n\u202f=\u202f{self.over_seeds.n if self.over_seeds else 0}"


@dataclass(frozen=True)
class Verdict:
    """What the difference says: `mark` is gain, loss, clear, unclear or none; `words` say it in the table."""

    mark: str
    words: str


@dataclass
class Row:
    """One model on one task by one metric: an estimate per init, and pretrained minus random."""

    model: str
    task: str
    metric: str
    main: bool
    greater_is_better: bool | None
    test_rows: list[str] = field(default_factory=list)
    """How many rows were scored, as the evaluation wrote it; more than one entry if that differs between runs."""
    cells: dict[str, Estimate] = field(default_factory=dict)
    difference: Estimate | None = None
    verdict: Verdict = Verdict("none", "")

    @property
    def direction(self) -> str:
        return {True: "higher is better", False: "lower is better", None: ""}[self.greater_is_better]

    @property
    def scored(self) -> str:
        """How the task is scored, in words: accuracy, higher is better."""
        return ", ".join(part for part in (self.metric.replace("_", " "), self.direction) if part)


def read_scores(runs: Iterable[Run]) -> list[Score]:
    """The scores of all evaluate runs, in the order of models, tasks, inits, seeds; metrics as each file has them."""
    scores = []
    for run in runs:
        if run.kind != "evaluate":
            continue
        model, task, init = split_cell(run.key)
        for row in run.table("metrics.tsv", needed=("seed", "metric", "value")):
            main, greater = to_bool(row.get("main")), to_bool(row.get("greater_is_better"))
            identity = (model, task, init, row["seed"], row["metric"])
            scores.append(Score(*identity, row["value"], row.get("n", ""), bool(main), greater))
    order = {init: place for place, init in enumerate(FIRST_INITS)}
    return sorted(
        scores,
        key=lambda score: (
            natural(score.model),
            natural(score.task),
            order.get(score.init, len(order)),
            score.init,
            natural(score.seed),
        ),
    )


def confidence_of(runs: Iterable[Run]) -> float:
    """What the evaluations took for their own intervals; 0.95 where there are none."""
    stated = (run.manifest.get("config", {}).get("confidence") for run in runs if run.kind == "evaluate")
    return next((float(value) for value in stated if value is not None), 0.95)


def write_scores(scores: Iterable[Score], file: Path) -> None:
    """One row per model, task, seed, init and metric, tab-separated, values as the evaluation wrote them."""
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        for score in scores:
            identity = (score.model, score.task, score.init, score.seed, score.metric)
            writer.writerow((*identity, score.text, score.n, str(score.main).lower()))


def inits_of(found: Iterable[str]) -> list[str]:
    """The inits without repetition: pretrained, random, then the rest by name."""
    found = set(found)
    return [init for init in FIRST_INITS if init in found] + sorted(found.difference(FIRST_INITS))


def compare(scores: list[Score], confidence: float) -> list[Row]:
    """A row per model, task and metric, those of one task together and its main metric first.

    Where no row of a task is marked as main, its first metric counts as that.
    """
    rows: dict[tuple[str, str, str], Row] = {}
    values: dict[tuple[str, str, str], dict[str, dict[str, float]]] = {}
    for score in scores:
        key = (score.task, score.model, score.metric)
        row = rows.setdefault(key, Row(score.model, score.task, score.metric, score.main, score.greater_is_better))
        row.main |= score.main
        if score.n and score.n not in row.test_rows:
            row.test_rows.append(score.n)
        values.setdefault(key, {}).setdefault(score.init, {})[score.seed] = score.value
    for key, row in rows.items():
        of_init = values[key]
        row.cells = {init: _estimate(of_init[init].values(), confidence) for init in inits_of(of_init)}
        places = min((cell.places for cell in row.cells.values() if cell.over_seeds), default=3)
        row.cells = {init: replace(cell, places=places) for init, cell in row.cells.items()}
        row.difference, row.verdict = _difference(row, of_init, confidence)
    unmarked = {row.task for row in rows.values()} - {row.task for row in rows.values() if row.main}
    for row in rows.values():
        if row.task in unmarked:
            row.main = row.metric == next(other.metric for other in rows.values() if other.task == row.task)
    return sorted(
        rows.values(), key=lambda row: (natural(row.task), not row.main, natural(row.scored), natural(row.model))
    )


def _estimate(values: Iterable[float], confidence: float) -> Estimate:
    values = list(values)
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return Estimate(None, lost=len(values))
    over_seeds = mean_interval(finite, confidence)
    return Estimate(over_seeds, lost=len(values) - len(finite), places=decimals(over_seeds.mean), values=tuple(finite))


def _difference(row: Row, of_init: dict[str, dict[str, float]], confidence: float) -> tuple[Estimate | None, Verdict]:
    """Pretrained minus random over the seeds that gave a finite value in both, and what may be said of it."""
    absent = [init for init in FIRST_INITS if init not in of_init]
    if absent:
        return None, Verdict("none", f"no {' and no '.join(absent)} runs")
    pretrained, random = (
        {seed: value for seed, value in of_init[init].items() if math.isfinite(value)} for init in FIRST_INITS
    )
    over_seeds = paired_difference(pretrained, random, confidence)
    if over_seeds is None:
        return None, Verdict("none", "no seed has a value in both")
    unpaired = len(of_init["pretrained"].keys() | of_init["random"].keys()) - over_seeds.n
    places = row.cells["pretrained"].places
    difference = Estimate(over_seeds, lost=unpaired, signed=True, places=places)
    return difference, _verdict(over_seeds, row.greater_is_better)


def _verdict(difference: Interval, greater_is_better: bool | None) -> Verdict:
    if difference.low is None or difference.high is None:
        return Verdict("none", "one seed: no interval")
    if not difference.clear_of_zero:
        return Verdict("unclear", "not clear of 0")
    if greater_is_better is None:
        return Verdict("clear", "clear of 0")
    gain = (difference.mean > 0) == greater_is_better
    return Verdict("gain" if gain else "loss", f"clear {'gain' if gain else 'loss'}")


def _all_equal(over_seeds: Interval) -> bool:
    return math.isclose(over_seeds.low or 0.0, over_seeds.high or 0.0, rel_tol=1e-9, abs_tol=1e-12)


def headline(rows: list[Row], scores: list[Score]) -> dict[str, Any]:
    """The numbers by which the report's own run is known."""
    main = [row for row in rows if row.main]
    return {
        "comparisons": sum(row.difference is not None for row in main),
        "clear_gains": sum(row.verdict.mark == "gain" for row in main),
        "clear_losses": sum(row.verdict.mark == "loss" for row in main),
        "scores": len(scores),
    }
