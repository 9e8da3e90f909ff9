"""The report stage: report.html for people, metrics.tsv for programs, results.svg and results.png for papers."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from snakelm.report import page
from snakelm.report.config import ReportConfig
from snakelm.report.figures import DARK_SERIES, GLYPHS, SERIES, write_results_figure
from snakelm.report.results import compare, confidence_of, headline, inits_of, read_scores, write_scores
from snakelm.report.runs import Run, read_runs, split_cell, split_seed
from snakelm.report.tokenizers import tokenizer_figure, tokenizer_samples, tokenizer_table
from snakelm.runs.context import RunContext


def report(context: RunContext[ReportConfig]) -> dict[str, Any]:
    """Write the report of a recipe's runs into context.out and return how many comparisons are clear.

    Parents by role: evaluate:<model>.<task>.<init>, finetune:<model>.<task>.<init>.s<seed>, pretrain:<model>,
    tokenizer:<name>, corpus:<name>; any of them may be absent. Nothing that differs between machines is shown:
    durations go to circumstance/durations.tsv. UserError names a parent whose files cannot be read.
    Costs about 2 s of imports and 30 ms a figure.
    """
    runs = read_runs(context.parents)
    scores = read_scores(runs)
    confidence = confidence_of(runs)
    rows = compare(scores, confidence)
    trained = {split_cell(split_seed(run.key)[0])[2] for run in runs if run.kind == "finetune"}
    inits = inits_of([score.init for score in scores] + sorted(trained))
    tasks = page.by_task(rows)
    write_scores(scores, context.out / "metrics.tsv")
    _write_durations(runs, context.out / "circumstance" / "durations.tsv")
    result_figures = page.result_figures(tasks, inits)
    if result_figures:
        write_results_figure(tasks, inits, context.out / "results")
    finetuning, finetuning_left_out = page.finetuning_figures(runs, rows, inits)
    of_kind = {kind: [run for run in runs if run.kind == kind] for kind in ("pretrain", "tokenizer", "corpus")}
    corpora, corpora_lines = page.corpora(of_kind["corpus"])
    html = page.render(
        title=context.config.title or context.name,
        name=context.name,
        description=context.config.description,
        confidence=f"{100 * confidence:g}",
        comparisons=page.grouped([row for row in rows if row.main]),
        other_metrics=page.grouped([row for row in rows if not row.main]),
        inits=inits,
        init_legend=[(init, place, "dot") for place, init in enumerate(inits)],
        line_legend=sorted({entry for figure in finetuning for entry in figure.legend}, key=lambda entry: entry[1]),
        summary=headline(rows, scores),
        by_chance=page.by_chance(rows, confidence),
        some_lost=any(cell.lost for row in rows for cell in [*row.cells.values(), row.difference] if cell),
        result_figures=result_figures,
        learning_curves=page.learning_curves(runs, rows, inits),
        pretraining_figures=page.pretraining_figures(runs),
        finetuning_figures=finetuning,
        finetuning_left_out=finetuning_left_out,
        models=page.facts("model", of_kind["pretrain"], page.model_settings(of_kind["pretrain"])),
        tokenizers=tokenizer_table(of_kind["tokenizer"]),
        tokenizer_figure=tokenizer_figure(of_kind["tokenizer"]),
        tokenizer_samples=tokenizer_samples(of_kind["tokenizer"]),
        corpora=corpora,
        corpora_lines=corpora_lines,
        samples=page.samples(runs, context.config.sample_characters),
        configs=page.configs(runs),
        versions=page.versions(runs),
        runs=runs,
        series=SERIES,
        dark_series=DARK_SERIES,
        glyphs=GLYPHS,
    )
    (context.out / "report.html").write_text(html, encoding="utf-8", newline="\n")
    return headline(rows, scores)


def _write_durations(runs: list[Run], file: Path) -> None:
    """Seconds that each run took; empty where its manifest does not say."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, delimiter="\t", lineterminator="\n")
        writer.writerow(("stage", "name", "id", "seconds"))
        for run in runs:
            writer.writerow((run.stage, run.name, run.id, "" if run.seconds is None else f"{run.seconds:.3f}"))
