"""The sections of the page: what each shows, taken from the runs and made ready for the template."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from snakelm.readers.corpus import SPLITS
from snakelm.report.comparisons import Comparison, Shown
from snakelm.report.curves import Curve, TrainingLog, axis, curve, metric_column, read_log
from snakelm.report.figures import ChartLine, Figure, chart, results_figure
from snakelm.report.numbers import plain
from snakelm.report.ordering import natural
from snakelm.report.runs import CellKey, FinishedRun, of_stage

MAX_PANELS = 36
MAX_ANSWERS = 12
"""Sentences, at most, that the page opens with; of more only their numbers are told."""
SMALL = (3.5, 2.3)
WIDE = (4.4, 2.7)
FIRST_FACTS = (
    *("architecture", "objective", "parameters", "steps", "tokens", "epochs", "loss", "validation_loss"),
    *("bits_per_byte", "perplexity", "vocab_size", "documents", "words", "characters", "bytes"),
)


@dataclass
class FactTable:
    """A table of facts: a row per thing, a column per fact that any of them has."""

    corner: str
    columns: list[str] = field(default_factory=list)
    rows: list[tuple[str, list[str]]] = field(default_factory=list)


def render(**values: Any) -> str:
    """The page from template.html, every value escaped unless it is markup that figures.py made."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("template.html").render(**values)


def by_task(comparisons: Sequence[Comparison]) -> dict[str, list[Comparison]]:
    """The comparisons by main metrics, task by task."""
    tasks: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        if comparison.main:
            tasks.setdefault(comparison.task, []).append(comparison)
    return tasks


def by_chance(comparisons: Sequence[Comparison], confidence: float) -> str:
    """How many of the main comparisons would be clear of 0 if there were no difference; '' for fewer than five."""
    tested = sum(
        bool(one.main and one.difference.verdict and one.difference.verdict.p is not None) for one in comparisons
    )
    return f"{tested * (1 - confidence):.1f}" if tested > 4 else ""


def shown_of(one: Comparison) -> list[Shown]:
    """Every estimate that the table has of a comparison."""
    differences = (one.difference.shown, one.baseline.shown)
    return [*one.estimates.values(), *(shown for shown in differences if shown)]


def covered(comparisons: Sequence[Comparison]) -> dict[str, list[str]]:
    """What the intervals cover → the tasks of which that is said: seeds and rows, rows, seeds; and the units of tests
    that are no rows."""
    found: dict[str, dict[str, None]] = {}
    for one in comparisons:
        main = next((shown.estimate for shown in one.estimates.values() if shown.estimate), None)
        for key in (main.covers if main else "", "" if one.unit == "row" else one.unit):
            found.setdefault(key, {})[one.task] = None
    return {key: list(tasks) for key, tasks in found.items() if key}


def chosen_on_test(comparisons: Sequence[Comparison]) -> list[str]:
    """The tasks whose best baseline was chosen by the test, for want of validation rows."""
    return list(dict.fromkeys(one.task for one in comparisons if one.main and one.chosen_on == "test"))


def result_figures(tasks: Mapping[str, list[Comparison]], inits: Sequence[str]) -> list[Figure]:
    return [
        Figure(results_figure(comparisons, inits, f"Scores of the models on {task}, a dot per init"), task)
        for task, comparisons in tasks.items()
        if any(shown.estimate for one in comparisons for shown in one.estimates.values())
    ]


def learning_curves(
    runs: Sequence[FinishedRun], comparisons: Sequence[Comparison], inits: Sequence[str]
) -> list[Figure]:
    """Score over the number of labelled rows, where the recipe has several sizes of what is otherwise one task."""
    tasks = _sized_tasks(runs)
    families: dict[tuple[str, str, str], dict[int, Comparison]] = {}
    for comparison in comparisons:
        if comparison.main and comparison.task in tasks:
            settings, size = tasks[comparison.task]
            families.setdefault((settings, comparison.model, comparison.scored), {}).setdefault(size, comparison)
    figures = []
    for (_, model, scored), by_size in families.items():
        family = sorted(by_size.items())
        lines = [
            line for place, init in enumerate(inits) if (line := _curve_over_sizes(family, init, place)) is not None
        ]
        if len(family) > 1 and lines:
            smallest, largest = family[0][1].task, family[-1][1].task
            title = f"{model} on {smallest} to {largest} by the number of labelled rows"
            svg = chart(lines, "labelled rows", scored, title, SMALL, logarithmic=True)
            figures.append(Figure(svg, f"{smallest} to {largest}, {model}"))
    return figures


def _sized_tasks(runs: Sequence[FinishedRun]) -> dict[str, tuple[str, int]]:
    """Task → its other settings, as text, and its number of labelled rows; tasks that take all rows are left out."""
    found: dict[str, set[tuple[str, int | None]]] = {}
    for (_, task, _), members in fine_tunings(runs).items():
        for run in members:
            config = run.manifest.config.get("task")
            settings = dict(config) if isinstance(config, dict) else {}
            size = settings.pop("max_train_rows", None)
            text = json.dumps(settings, sort_keys=True)
            found.setdefault(task, set()).add((text, size if isinstance(size, int) else None))
    return {
        task: (text, size)
        for task, kinds in found.items()
        if len(kinds) == 1
        for text, size in kinds
        if size is not None
    }


def _curve_over_sizes(family: Sequence[tuple[int, Comparison]], init: str, place: int) -> ChartLine | None:
    """The means of one init over the sizes, with their intervals where all of them have one."""
    estimates = [(size, one.estimates[init].estimate) for size, one in family if init in one.estimates]
    points = [(float(size), interval) for size, interval in estimates if interval is not None]
    if not points:
        return None
    lows = [interval.low for _, interval in points if interval.low is not None]
    highs = [interval.high for _, interval in points if interval.high is not None]
    band = (lows, highs) if len(lows) == len(highs) == len(points) else None
    mean = Curve([size for size, _ in points], [interval.value for _, interval in points])
    return ChartLine(mean, place, marked=True, band=band)


def pretraining_figures(runs: Sequence[FinishedRun]) -> list[Figure]:
    """Loss of training and validation, and bits per byte, of all models over one another."""
    logs = {run.entry: log for run in of_stage(runs, "pretrain") if (log := read_log(run)).columns}
    x = axis(list(logs.values()), ("tokens", "step"))
    if x is None:
        return []
    figures = []
    charts = (
        ("Loss, nats per token", (("loss", False), ("validation_loss", True))),
        ("Validation, bits per byte", (("bits_per_byte", True),)),
    )
    for label, columns in charts:
        lines, legend, lost = [], [], []
        for place, (model, log) in enumerate(logs.items()):
            drawn = False
            for column, strong in columns:
                line = curve(log, x, column)
                if line.lost:
                    lost.append(f"{model}: {column} is not a finite number at {line.lost} point{'s' * (line.lost > 1)}")
                if line:
                    lines.append(ChartLine(line, place, strong, marked=strong and len(line.x) <= 60))
                    drawn = True
            if drawn:
                legend.append((model, place, "line"))
        if lines:
            svg = chart(lines, {"tokens": "tokens seen", "step": "step"}[x], "", f"Pretraining: {label}", WIDE)
            figures.append(Figure(svg, label, "; ".join(lost), legend))
    return figures


def finetuning_figures(
    runs: Sequence[FinishedRun], comparisons: Sequence[Comparison], inits: Sequence[str]
) -> tuple[list[Figure], int]:
    """A panel per model and task with a line per seed, coloured by init; and how many panels were left out."""
    main = {(one.model, one.task): one.metric for one in comparisons if one.main}
    panels: dict[tuple[str, str], list[tuple[FinishedRun, str]]] = {}
    for (model, task, init), members in fine_tunings(runs).items():
        panels.setdefault((task, model), []).extend((run, init) for run in members)
    figures: list[Figure] = []
    left_out = 0
    for (task, model), drawn in sorted(panels.items(), key=lambda panel: [natural(part) for part in panel[0]]):
        logs = [(read_log(run), init) for run, init in drawn]
        x = axis([log for log, _ in logs], ("epoch", "step"))
        if x is None:
            continue
        if len(figures) == MAX_PANELS:
            left_out += 1
            continue
        figure = _finetuning_figure(task, model, logs, x, main.get((model, task)), inits)
        if figure is not None:
            figures.append(figure)
    return figures, left_out


def _finetuning_figure(
    task: str, model: str, logs: Sequence[tuple[TrainingLog, str]], x: str, main: str | None, inits: Sequence[str]
) -> Figure | None:
    """Curves of one model on one task; `logs` come with their inits. None if there is nothing to draw."""
    columns = [metric_column(log, main) for log, _ in logs]
    column = next((found for found in columns if found), "loss")
    lines = [ChartLine(curve(log, x, column), inits.index(init)) for log, init in logs if init in inits]
    lines = [line for line in lines if line.curve]
    if not lines:
        return None
    named = main if column == "validation_metric" else None
    metric = (f"validation {named}" if named else column).replace("_", " ")
    svg = chart(lines, x, metric, f"Fine-tuning {model} on {task}: {metric}", SMALL)
    places = {line.colour for line in lines}
    legend = [(init, place, "line") for place, init in enumerate(inits) if place in places]
    return Figure(svg, f"{task}, {model}", legend=legend)


def fine_tunings(runs: Sequence[FinishedRun]) -> dict[CellKey, list[FinishedRun]]:
    """The fine-tunings of each cell. An evaluation names them by id, which also finds those that two models share
    (random weights of the same architecture); one that no evaluation names goes by its own subject."""
    tuned = {run.id: run for run in of_stage(runs, "finetune")}
    tuned |= {run.manifest.canonical: run for run in list(tuned.values())}
    cells: dict[CellKey, list[FinishedRun]] = {}
    named = set()
    for run in of_stage(runs, "evaluate"):
        for parent in run.manifest.parents.values():
            if found := tuned.get(parent.id):
                cells.setdefault(run.cell, []).append(found)
                named.add(found.id)
    for run in of_stage(runs, "finetune"):
        if run.id not in named:
            cells.setdefault(run.cell, []).append(run)
    return cells


def facts(corner: str, runs: Sequence[FinishedRun], extra: Mapping[str, dict[str, Any]] | None = None) -> FactTable:
    """The headline numbers of some runs as a table; nested values become columns of their own."""
    of_run = {run.entry: _flat(run.manifest.headline) | _flat((extra or {}).get(run.entry, {})) for run in runs}
    columns = _in_order(column for found in of_run.values() for column in found)
    table = FactTable(corner, [column.replace("_", " ") for column in columns])
    for name, found in of_run.items():
        table.rows.append((name, [plain(found.get(column)) for column in columns]))
    return table


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


def versions(runs: Sequence[FinishedRun]) -> str:
    """The libraries that made the runs, each with every version that was used."""
    found: dict[str, set[str]] = {}
    for run in runs:
        for library, version in run.manifest.versions.items():
            found.setdefault(library, set()).add(version)
    return ", ".join(f"{library} {' and '.join(sorted(found[library]))}" for library in sorted(found))


def corpora(runs: Sequence[FinishedRun]) -> tuple[FactTable, list[str]]:
    """A row per corpus and split with its sizes, and a line per corpus with what else its headline says."""
    of_run = {run.entry: _split_sizes(run) for run in runs}
    columns = _in_order(measure for sizes in of_run.values() for measure in sizes)
    table, lines = FactTable("corpus", ["split", *(column.replace("_", " ") for column in columns)]), []
    for run in runs:
        sizes = of_run[run.entry]
        for split in SPLITS:
            if any(split in of_split for of_split in sizes.values()):
                values = [plain(sizes.get(column, {}).get(split)) for column in columns]
                table.rows.append((run.entry, [split, *values]))
        if not sizes:
            table.rows.append((run.entry, [plain(None)] * len(table.columns)))
        of_sources = run.manifest.headline.get("sources", {})
        for source, figures in of_sources.items():
            for split in SPLITS:
                if split in figures.get("documents", {}):
                    values = [plain(figures.get(column, {}).get(split)) for column in columns]
                    table.rows.append((f"{run.entry}, {source}", [split, *values]))
        shown = {*sizes, "sources", "cleaning", "duplicates"}
        rest = _flat({key: value for key, value in run.manifest.headline.items() if key not in shown})
        words = [f"{key.replace('_', ' ')} {plain(value)}" for key, value in rest.items() if value not in (0, None, "")]
        if words:
            lines.append(f"{run.entry}: {', '.join(words)}.")
        duplicates = run.manifest.headline.get("duplicates", {})
        if paragraphs := duplicates.get("paragraphs"):
            characters = plain(duplicates.get("paragraph_characters"))
            lines.append(f"{run.entry}: {plain(paragraphs)} repeated paragraphs ({characters} characters) removed.")
        lines += [_cleaned(run.entry, step) for step in run.manifest.headline.get("cleaning", [])]
    return table, lines


def _cleaned(corpus: str, step: dict[str, Any]) -> str:
    """What a cleaning step did to a corpus, in a line."""
    name = f"{corpus}, {step['source']}" if step.get("source") else corpus
    removed = sum(step["dropped"].values())
    reasons = ", ".join(f"{reason} {plain(count)}" for reason, count in step["dropped"].items())
    return (
        f"{name}: {step['step']} saw {plain(step['seen'])} documents, changed {plain(step['changed'])} and removed "
        f"{plain(removed)}{f' ({reasons})' if reasons else ''}."
    )


def _split_sizes(run: FinishedRun) -> dict[str, dict[str, Any]]:
    """measure → split → count, from the headline; if that has none, the documents that the parquet footers count."""
    sizes = {
        measure: value
        for measure, value in run.manifest.headline.items()
        if measure != "sources" and isinstance(value, dict) and value and set(value) <= set(SPLITS)
    }
    files = {split: run.folder / f"{split}.parquet" for split in SPLITS}
    if sizes or not any(file.is_file() for file in files.values()):
        return sizes
    from pyarrow.parquet import read_metadata

    return {"documents": {split: read_metadata(file).num_rows for split, file in files.items() if file.is_file()}}


def grouped(comparisons: Sequence[Comparison]) -> list[tuple[str, str, list[Comparison]]]:
    """The comparisons under their headings: (task, how it is scored, comparisons)."""
    groups = []
    for (task, scored), group in itertools.groupby(comparisons, key=lambda one: (one.task, one.scored)):
        members = list(group)
        counts = sorted({count for one in members for count in one.test_rows}, key=natural)
        groups.append((task, f"{scored}, {' or '.join(counts)} test rows" if counts else scored, members))
    return groups


def samples(runs: Sequence[FinishedRun], characters: int) -> list[tuple[str, str, int]]:
    """(model, beginning of its samples, characters left out) of every model that wrote some."""
    found = []
    for run in of_stage(runs, "pretrain") if characters else ():
        text = run.text("samples.txt")
        if text and text.strip():
            text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", _visible, text.strip("\n"))
            found.append((run.entry, text[:characters], max(0, len(text) - characters)))
    return found


def _visible(control: re.Match[str]) -> str:
    """The picture that Unicode has for a control character, which HTML could not hold."""
    return "\u2421" if control[0] == "\x7f" else chr(0x2400 + ord(control[0]))


def configs(runs: Sequence[FinishedRun]) -> list[tuple[FinishedRun, str]]:
    """Each run's slice of the recipe as JSON; of runs that differ by the seed alone only the first."""
    shown, seen = [], set()
    for run in runs:
        subject = run.subject
        names = (subject.corpus, subject.tokenizer, subject.model, subject.task, subject.init)
        about = (run.stage, *(names if any(names) else (run.name,)))
        if about not in seen:
            seen.add(about)
            text = json.dumps(run.manifest.config, indent=1, sort_keys=True, ensure_ascii=False)
            shown.append((run, without_secrets(text)))
    return shown


def without_secrets(text: str) -> str:
    """The text with the password of any URL (https://user:password@host) taken out: reports are passed on."""
    return re.sub(r"(?<=://)[^/\s\"'@]+@", "***@", text)


def _in_order(columns: Iterable[str]) -> list[str]:
    """The columns without repetition, those a reader looks for first in front."""
    present = dict.fromkeys(columns)
    first = [column for column in FIRST_FACTS if column in present]
    return first + [column for column in present if column not in FIRST_FACTS]


def _flat(value: dict[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, item in value.items():
        name = f"{above} {key}".strip()
        flat |= _flat(item, name) if isinstance(item, dict) else {name: item}
    return flat
