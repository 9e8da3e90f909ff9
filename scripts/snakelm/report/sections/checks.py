"""What may spoil a result, looked for in the runs: each check passes, warns or fails, and says where."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from snakelm.metrics.details import Details, shortened
from snakelm.report.numbers import fixed, plain
from snakelm.report.runs import FinishedRun, fine_tunings, to_float
from snakelm.report.scores import FIRST_INITS
from snakelm.report.story import Story
from snakelm.runs.records import Subject

Level = Literal["pass", "warn", "fail"]

MOST_PLACES = 8
"""Places, at most, that a check names."""
DUPLICATES = (0.01, 0.1)
"""Shares of test rows that are in training from which on it is a warning, a failure."""
SEEDS = 3
EPOCHS = (4.0, 16.0)
"""Up to 4 epochs repeated text is worth nearly as much as new text; from 16 on next to nothing (Muennighoff et al.
2023, Scaling Data-Constrained Language Models)."""
GAP = 0.1
"""Of validation and test, relative to the larger of them."""


@dataclass(frozen=True)
class Finding:
    """One place where a check does not pass, in words."""

    level: Level
    text: str


@dataclass(frozen=True)
class Check:
    title: str
    level: Level
    text: str
    """What was looked for."""
    places: Sequence[str] = ()
    """Where it does not pass, the worst first."""
    more: int = 0
    """Places that are not named."""


def checks(story: Story) -> list[Check]:
    """Those that have something to look at, failures first."""
    asked: list[tuple[str, str, Callable[[Story], Iterator[Finding] | None]]] = [
        (
            "Test rows in training",
            f"Fewer than {100 * DUPLICATES[0]:g} % of the test rows are training rows too.",
            _duplicates,
        ),
        ("Test text in pretraining", "No held-out document is a training document too.", _held_out),
        (
            "Predictions",
            "Every label is predicted, no run has collapsed to one answer, and seeds are alike.",
            _predictions,
        ),
        ("Baselines", "The pretrained model is better than the best baseline.", _baselines),
        ("Divergence", "Losses are finite and end near their best.", _divergence),
        ("Validation and test", "Scores on validation and test are alike.", _gap),
        ("Seeds", f"Every trained cell has {SEEDS} seeds or more.", _seeds),
        ("Repeated data", f"Pretraining reads its text {EPOCHS[0]:g} times or less.", _epochs),
    ]
    found = []
    for title, text, look in asked:
        if (findings := look(story)) is not None:
            found.append(_check(title, text, list(findings)))
    order: list[Level] = ["fail", "warn", "pass"]
    return sorted(found, key=lambda check: order.index(check.level))


def _check(title: str, text: str, findings: list[Finding]) -> Check:
    order = {"fail": 0, "warn": 1, "pass": 2}
    findings.sort(key=lambda finding: order[finding.level])
    bad = [finding for finding in findings if finding.level != "pass"]
    named = [finding.text for finding in bad[:MOST_PLACES]] or [finding.text for finding in findings[:2]]
    level: Level = bad[0].level if bad else "pass"
    return Check(title, level, text, named, len(bad) - len(bad[:MOST_PLACES]))


def _duplicates(story: Story) -> Iterator[Finding] | None:
    tasks: dict[str, dict[str, Any]] = {}
    for (_, task, _), runs in fine_tunings(story.runs).items():
        if task not in tasks and runs and (about := runs[0].json("task.json")).get("duplicates_of_training"):
            tasks[task] = about
    return _of_duplicates(tasks) if tasks else None


def _of_duplicates(tasks: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    for task, about in tasks.items():
        same, rows = about["duplicates_of_training"].get("test") or 0, about.get("rows", {}).get("test") or 0
        if rows and same:
            text = f"{task}: {plain(same)} of {plain(rows)} test rows are training rows too"
            yield Finding(_level(same / rows, *DUPLICATES), text)


def _held_out(story: Story) -> Iterator[Finding] | None:
    counts = {run.entry: run.manifest.headline.get("held_out_texts_also_in_train") for run in _corpora(story)}
    known = {name: count for name, count in counts.items() if isinstance(count, int)}
    if not known:
        return None
    lines = {
        name: f"{name}: {plain(count)} held-out documents have the text of a training document"
        for name, count in known.items()
    }
    return (Finding("warn" if count else "pass", lines[name]) for name, count in known.items() if count)


def _corpora(story: Story) -> list[FinishedRun]:
    return story.of_stage("fetch_corpus")


def _predictions(story: Story) -> Iterator[Finding] | None:
    trained = [(cell.subject, details) for cell, details in story.details if not cell.deterministic]
    return _of_predictions(trained) if trained else None


def _of_predictions(cells: list[tuple[Subject, Details]]) -> Iterator[Finding]:
    for about, details in cells:
        where = f"{about.model} on {about.task}, {about.init}"
        for flag in details.flags:
            seed = f"{where}, seed {flag.seed}"
            if flag.reason == "collapsed":
                yield Finding("fail", f"{seed}: always predicts {shortened(flag.prediction, 60)}")
            elif flag.reason == "not finite":
                yield Finding("fail", f"{seed}: its score is no finite number")
            elif flag.value is not None and flag.median is not None:
                yield Finding(
                    "warn", f"{seed}: {fixed(flag.value, 3)} is far from the others ({fixed(flag.median, 3)})"
                )
        never = details.classes.never_predicted if details.classes else {}
        for label, seeds in list(never.items())[:MOST_PLACES]:
            how_often = f"in {seeds} of {len(details.seeds)} seeds" if len(details.seeds) > 1 else ""
            yield Finding("warn", f"{where}: {shortened(label, 60)} is never predicted {how_often}".rstrip())


def _baselines(story: Story) -> Iterator[Finding] | None:
    asked = [one for one in story.main if FIRST_INITS[0] in one.estimates]
    if not asked:
        return None
    levels: dict[str, Level] = {"better": "pass", "worse": "fail", "equivalent": "warn", "inconclusive": "warn"}
    words = {
        "worse": "worse than",
        "equivalent": "equal to",
        "inconclusive": "not clearly better than",
        "better": "better than",
    }
    return (
        Finding(
            levels.get(one.baseline.mark, "warn"),
            f"{one.model} on {one.task}: {words[one.baseline.mark]} {one.best_baseline}"
            if one.baseline.verdict
            else f"{one.model} on {one.task}: {one.baseline.absence}",
        )
        for one in asked
    )


def _divergence(story: Story) -> Iterator[Finding] | None:
    return (finding for run in story.models for finding in _of_losses(run)) if story.models else None


def _of_losses(run: FinishedRun) -> Iterator[Finding]:
    for column in ("loss", "validation_loss"):
        values = [to_float(row[column]) for row in run.table("curve.tsv") if (row.get(column) or "").strip()]
        finite = [value for value in values if math.isfinite(value)]
        lost = len(values) - len(finite)
        name = column.replace("_", " ")
        if lost:
            yield Finding("fail", f"{run.entry}: {name} is not a finite number at {lost} point{'s' * (lost > 1)}")
        elif column == "validation_loss" and len(finite) > 2 and finite[-1] > 1.1 * min(finite):
            yield Finding("warn", f"{run.entry}: {name} ends at {finite[-1]:.3g}, its best was {min(finite):.3g}")


def _gap(story: Story) -> Iterator[Finding] | None:
    pairs = []
    for one in story.main:
        for cell in story.by_subject.get((one.model, one.task), ()):
            validation, test = cell.mean(one.metric, "validation"), cell.mean(one.metric, "test")
            if validation is not None and test is not None and cell.subject.init in FIRST_INITS:
                pairs.append((cell.subject, validation, test))
    return _of_gaps(pairs) if pairs else None


def _of_gaps(pairs: list[tuple[Subject, float, float]]) -> Iterator[Finding]:
    for about, validation, test in pairs:
        size = max(abs(validation), abs(test))
        if size and abs(validation - test) > GAP * size:
            text = (
                f"{about.model} on {about.task}, {about.init}: validation {fixed(validation, 3)}, test {fixed(test, 3)}"
            )
            yield Finding("warn", text)


def _seeds(story: Story) -> Iterator[Finding] | None:
    trained = [cell for cell in story.cells if not cell.deterministic and cell.scores]
    return (
        _of_seeds([(cell.subject, len({score.seed for score in cell.scores})) for cell in trained]) if trained else None
    )


def _of_seeds(cells: list[tuple[Subject, int]]) -> Iterator[Finding]:
    for about, seeds in cells:
        if seeds < SEEDS:
            text = f"{about.model} on {about.task}, {about.init}: {seeds} seed{'s' * (seeds > 1)}"
            yield Finding("warn", text)


def _epochs(story: Story) -> Iterator[Finding] | None:
    epochs = {run.entry: run.manifest.headline.get("epochs") for run in story.models}
    known = {name: value for name, value in epochs.items() if isinstance(value, (int, float))}
    if not known:
        return None
    return (Finding(_level(value, *EPOCHS), f"{name}: {value:.3g} epochs") for name, value in known.items())


def _level(value: float, warns: float, fails: float) -> Level:
    return "fail" if value >= fails else "warn" if value >= warns else "pass"
