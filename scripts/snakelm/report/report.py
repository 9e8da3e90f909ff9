"""The report stage: report.html for people, metrics.tsv and summary.tsv for programs, results.svg and results.png for
papers."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from snakelm.report import page
from snakelm.report.answers import answers
from snakelm.report.comparisons import compare, headline
from snakelm.report.config import ReportRunConfig
from snakelm.report.figures import DARK_SERIES, GLYPHS, SERIES, write_results_figure
from snakelm.report.runs import FinishedRun, distinct, of_stage, read_runs
from snakelm.report.scores import confidence_of, inits_of, read_cells
from snakelm.report.tables import write_metrics, write_summary
from snakelm.report.tokenizer_section import tokenizer_figure, tokenizer_samples, tokenizer_table
from snakelm.report.unlabelled import unlabelled
from snakelm.runs.context import RunContext


def report(context: RunContext[ReportRunConfig]) -> dict[str, Any]:
    """Write the report of a recipe's runs into context.out and return how many comparisons are clear.

    Any stage's runs may be parents, and any may be absent; roles are of no account: what a run is about is told by
    its subject (`context.subjects`, else its manifest). Nothing that differs between machines is shown: durations go
    to circumstance/durations.tsv. UserError names a parent whose files cannot be read.
    Costs about 2 s of imports and 30 ms a figure.
    """
    runs = read_runs(context.parents, context.subjects)
    cells, absent = read_cells(runs), context.config.absent
    confidence = confidence_of(runs)
    comparisons = compare(cells, confidence)
    sentences = answers(comparisons, absent)
    summary = headline(comparisons, sum(len(cell.scores) for cell in cells), sentences)
    inits = inits_of([*(cell.subject.init for cell in cells), *(init for _, _, init in page.fine_tunings(runs))])
    tasks = page.by_task(comparisons)
    write_metrics(cells, absent, context.out / "metrics.tsv")
    write_summary(comparisons, absent, context.out / "summary.tsv")
    _write_durations(distinct(runs), context.out / "circumstance" / "durations.tsv")
    result_figures = page.result_figures(tasks, inits)
    if result_figures:
        write_results_figure(tasks, inits, context.out / "results")
    finetuning, finetuning_left_out = page.finetuning_figures(runs, comparisons, inits)
    models, tokenizers = of_stage(runs, "pretrain"), of_stage(runs, "save_tokenizer")
    corpora, corpora_lines = page.corpora(of_stage(runs, "fetch_corpus"))
    html = page.render(
        title=context.config.title or context.name,
        name=context.name,
        description=context.config.description,
        confidence=f"{100 * confidence:g}",
        comparisons=page.grouped([one for one in comparisons if one.main]),
        other_metrics=page.grouped([one for one in comparisons if not one.main]),
        inits=inits,
        rivals=any(one.best_baseline for one in comparisons),
        chosen_on_test=page.chosen_on_test(comparisons),
        init_legend=[(init, place, "dot") for place, init in enumerate(inits)],
        line_legend=sorted({entry for figure in finetuning for entry in figure.legend}, key=lambda entry: entry[1]),
        summary=summary,
        answers=sentences if len(sentences) <= page.MAX_ANSWERS else [],
        absent=absent,
        by_chance=page.by_chance(comparisons, confidence),
        some_lost=any(one.lost for each in comparisons for one in page.shown_of(each)),
        covered=page.covered(comparisons),
        unlabelled=unlabelled(runs),
        result_figures=result_figures,
        learning_curves=page.learning_curves(runs, comparisons, inits),
        pretraining_figures=page.pretraining_figures(runs),
        finetuning_figures=finetuning,
        finetuning_left_out=finetuning_left_out,
        models=page.facts("model", models, page.model_settings(models)),
        tokenizers=tokenizer_table(tokenizers),
        tokenizer_figure=tokenizer_figure(tokenizers),
        tokenizer_samples=tokenizer_samples(tokenizers),
        corpora=corpora,
        corpora_lines=corpora_lines,
        samples=page.samples(runs, context.config.sample_characters),
        configs=page.configs(distinct(runs)),
        versions=page.versions(runs),
        runs=distinct(runs),
        series=SERIES,
        dark_series=DARK_SERIES,
        glyphs=GLYPHS,
    )
    (context.out / "report.html").write_text(html, encoding="utf-8", newline="\n")
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
