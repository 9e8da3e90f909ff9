"""The report for programs: metrics.tsv (every score) and summary.tsv (a line per model and task)."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from snakelm.report.comparisons import Against, Comparison, Shown
from snakelm.report.config import AbsentCell
from snakelm.report.ordering import natural
from snakelm.report.scores import FIRST_INITS, Cell

METRICS = (
    *("model", "task", "init", "seed", "split", "metric", "value", "n", "main", "greater_is_better"),
    *("status", "run", "evaluation"),
)
SUMMARY = (
    *("model", "task", "metric", "greater_is_better", "pretrained", "pretrained_low", "pretrained_high", "random"),
    *("best_baseline", "best_baseline_name", "diff_random", "diff_random_low", "diff_random_high", "verdict_random"),
    *("diff_baseline", "diff_baseline_low", "diff_baseline_high", "verdict_baseline", "seeds", "rows"),
)


def write_metrics(cells: Sequence[Cell], absent: Sequence[AbsentCell], file: Path) -> None:
    """One row per model, task, init (or baseline), seed, split and metric, values as the evaluations wrote them;
    `run` and `evaluation` are ids. A cell without a result is one row, whose status is failed or missing (else ok).

    Keys that a sweep set follow in columns of their own (`models.learning_rate`), empty where a row has none.
    """
    rows: list[tuple[dict[str, Any], Mapping[str, Any]]] = []
    for cell in cells:
        about = cell.subject
        for score in cell.scores:
            row = {"model": about.model, "task": about.task, "init": about.init, "seed": score.seed}
            row |= {"split": score.split, "metric": score.metric, "value": score.text, "n": score.n}
            row |= {"main": _bool(score.main), "greater_is_better": _bool(score.greater_is_better)}
            row |= {"status": "ok", "run": score.run, "evaluation": score.evaluation}
            rows.append((row, about.swept))
    for one in absent:
        row = {"model": one.model, "task": one.task, "init": one.init, "status": one.status}
        rows.append((row, one.swept))
    _write(METRICS, rows, file)


def write_summary(comparisons: Sequence[Comparison], absent: Sequence[AbsentCell], file: Path) -> None:
    """One row per model and task, by its main metric: scores with their intervals, the pretrained model's differences
    to random weights and to the best baseline, and their verdicts (better, worse, equivalent, inconclusive; failed or
    missing where a side has no result; empty where the recipe does not ask for the comparison)."""
    gone: dict[tuple[str, str], dict[str, str]] = {}
    for cell in absent:
        gone.setdefault((cell.model, cell.task), {})[cell.init] = cell.status
    found = {(one.model, one.task): one for one in comparisons if one.main}
    swept = {(one.model, one.task): one.subject.swept for one in found.values()}
    for cell in absent:
        swept.setdefault((cell.model, cell.task), cell.swept)
    rows: list[tuple[dict[str, Any], Mapping[str, Any]]] = []
    for model, task in sorted(swept, key=lambda pair: (natural(pair[1]), natural(pair[0]))):
        row = {"model": model, "task": task, **_summary(found.get((model, task)), gone.get((model, task), {}))}
        rows.append((row, swept[model, task]))
    _write(SUMMARY, rows, file)


def _summary(one: Comparison | None, gone: Mapping[str, str]) -> dict[str, Any]:
    """The row of a model and task; `gone`: init or baseline without a result → failed or missing."""
    pretrained, random = FIRST_INITS
    asked = gone.keys() | (one.estimates.keys() if one else set())
    lost = [status for init, status in gone.items() if init not in FIRST_INITS]
    no_random = gone.get(pretrained) or gone.get(random) or ("failed" if asked >= {pretrained, random} else "")
    no_baseline = gone.get(pretrained) or next(iter(lost), "failed")
    if pretrained not in asked or not (lost or one and one.best_baseline):
        no_baseline = ""  # the recipe does not ask for it
    if one is None:
        return {"verdict_random": no_random, "verdict_baseline": no_baseline}
    main = one.estimates.get(pretrained)
    row = {"metric": one.metric, "greater_is_better": _bool(one.greater_is_better)}
    row |= _with_ends("pretrained", main)
    row |= {"random": _value(one.estimates.get(random))}
    row |= {"best_baseline": _value(one.estimates.get(one.best_baseline)), "best_baseline_name": one.best_baseline}
    row |= _against("random", one.difference, no_random) | _against("baseline", one.baseline, no_baseline)
    found = main.estimate if main else None
    return row | {"seeds": found.seeds if found else "", "rows": found.rows if found else one.test_rows[0]}


def _against(other: str, found: Against, absent: str) -> dict[str, Any]:
    word = found.verdict.word if found.verdict else absent
    return {**_with_ends(f"diff_{other}", found.shown), f"verdict_{other}": word}


def _with_ends(name: str, shown: Shown | None) -> dict[str, Any]:
    found = shown.estimate if shown else None
    if found is None:
        return {}
    return {name: _number(found.value), f"{name}_low": _number(found.low), f"{name}_high": _number(found.high)}


def _value(shown: Shown | None) -> str:
    return _number(shown.estimate.value) if shown and shown.estimate else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{round(value, 6):.10g}"


def _bool(value: bool | None) -> str:
    return "" if value is None else str(value).lower()


def _write(columns: Sequence[str], rows: Iterable[tuple[dict[str, Any], Mapping[str, Any]]], file: Path) -> None:
    """Rows with their swept keys (by section), those in columns of their own after the others."""
    flat = [
        (row, {f"{section}.{key}": value for section, values in swept.items() for key, value in values.items()})
        for row, swept in rows
    ]
    keys = sorted({key for _, values in flat for key in values})
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, delimiter="\t", lineterminator="\n")
        writer.writerow((*columns, *keys))
        for row, values in flat:
            swept = (_as_text(values[key]) if key in values else "" for key in keys)
            writer.writerow((*(row.get(column, "") for column in columns), *swept))


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
