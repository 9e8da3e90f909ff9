"""The report stage: report.html for people, metrics.tsv and summary.tsv for programs, results.svg and results.png for
papers."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from snakelm.report.answers import answers
from snakelm.report.comparisons import headline
from snakelm.report.config import ReportRunConfig
from snakelm.report.facts import facts_of
from snakelm.report.figures import write_results_figure
from snakelm.report.page import Sections, write_page
from snakelm.report.runs import FinishedRun
from snakelm.report.story import Story
from snakelm.report.tables import write_metrics, write_summary
from snakelm.runs.context import RunContext


def report(context: RunContext[ReportRunConfig]) -> dict[str, Any]:
    """Write the report of a recipe's runs into context.out and return how many comparisons are clear.

    Any stage's runs may be parents, and any may be absent; roles are of no account: what a run is about is told by
    its subject (`context.subjects`, else its manifest). report.html shows nothing that differs between machines;
    circumstance/report.html is the same page with when, where and at what cost the runs were made, and
    circumstance/durations.tsv has their seconds. UserError names a parent whose files cannot be read.
    Costs about 2 s of imports, and 10 s for a thousand experiments.
    """
    story, absent, out = Story.of(context), context.config.absent, context.out
    sentences = answers(story.comparisons, absent)
    summary = headline(story.comparisons, sum(len(cell.scores) for cell in story.cells), sentences)
    write_metrics(story.cells, absent, out / "metrics.tsv")
    write_summary(story.comparisons, absent, out / "summary.tsv")
    _write_durations(story.distinct, out / "circumstance" / "durations.tsv")
    if any(shown.estimate for one in story.main for shown in one.estimates.values()):
        write_results_figure(story.main, story.inits, out / "results")
    sections = Sections.of(story, sentences, summary)
    write_page(story, sections, out / "report.html")
    write_page(story, sections, out / "circumstance" / "report.html", facts_of(story))
    return summary


def _write_durations(runs: Sequence[FinishedRun], file: Path) -> None:
    """Seconds that each run took; empty where its manifest does not say."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, delimiter="\t", lineterminator="\n")
        writer.writerow(("stage", "name", "id", "seconds"))
        for run in runs:
            seconds = run.manifest.circumstance.seconds
            writer.writerow((run.stage, run.name, run.id, "" if seconds is None else f"{seconds:.3f}"))
