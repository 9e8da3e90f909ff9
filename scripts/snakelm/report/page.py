"""The sections of the page: what each shows, taken from the runs and made ready for the template."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from snakelm.report.curves import Curve, axis, curve, metric_column
from snakelm.report.figures import Figure, Line, chart, results_figure
from snakelm.report.numbers import plain
from snakelm.report.results import Row
from snakelm.report.runs import Run, natural, split_cell, split_seed

SPLITS = ("train", "validation", "test")
MAX_PANELS = 36
SMALL = (3.5, 2.3)
WIDE = (4.4, 2.7)
FIRST_FACTS = (
    *("architecture", "objective", "parameters", "steps", "tokens", "epochs", "loss", "validation_loss"),
    *("bits_per_byte", "perplexity", "vocab_size", "documents", "words", "characters", "bytes"),
)


@dataclass
class Table:
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


def by_task(rows: list[Row]) -> dict[str, list[Row]]:
    """The rows of the main metrics, task by task."""
    tasks: dict[str, list[Row]] = {}
    for row in rows:
        if row.main:
            tasks.setdefault(row.task, []).append(row)
    return tasks


def by_chance(rows: list[Row], confidence: float) -> str:
    """How many of the main comparisons would be clear of 0 if there were no difference; '' for fewer than five."""
    tested = sum(bool(row.main and row.difference and row.difference.interval_text) for row in rows)
    return f"{tested * (1 - confidence):.1f}" if tested > 4 else ""


def result_figures(tasks: dict[str, list[Row]], inits: list[str]) -> list[Figure]:
    return [
        Figure(results_figure(rows, inits, f"Scores of the models on {task}, a dot per way of starting"), task)
        for task, rows in tasks.items()
        if any(cell.over_seeds for row in rows for cell in row.cells.values())
    ]


def learning_curves(runs: list[Run], rows: list[Row], inits: list[str]) -> list[Figure]:
    """Score over the number of labelled rows, where the recipe asks for several sizes of a task (era-200, era-500)."""
    sizes: dict[str, set[Any]] = {}
    for (_, task, _), members in _cells(runs).items():
        for run in members:
            sizes.setdefault(task, set()).add(_mapping(_mapping(run.config).get("task")).get("max_train_rows"))
    families: dict[tuple[str, str, str], list[tuple[int, Row]]] = {}
    for row in rows:
        stem, _, size = row.task.rpartition("-")
        if row.main and stem and size.isdecimal() and sizes.get(row.task) == {int(size)}:
            families.setdefault((stem, row.model, row.scored), []).append((int(size), row))
    figures = []
    for (stem, model, scored), family in families.items():
        family.sort(key=lambda member: member[0])
        lines = []
        for place, init in enumerate(inits):
            found = [(size, row.cells[init].over_seeds) for size, row in family if init in row.cells]
            points = [(size, interval) for size, interval in found if interval is not None]
            if points:
                band = None
                if all(interval.low is not None for _, interval in points):
                    band = [interval.low for _, interval in points], [interval.high for _, interval in points]
                mean = Curve([float(size) for size, _ in points], [interval.mean for _, interval in points])
                lines.append(Line(mean, place, marked=True, band=band))
        if len(family) > 1 and lines:
            title = f"{model} on {stem} by the number of labelled rows"
            svg = chart(lines, "labelled rows", scored, title, SMALL, logarithmic=True)
            figures.append(Figure(svg, f"{stem}, {model}"))
    return figures


def pretraining_figures(runs: list[Run]) -> list[Figure]:
    """Loss of training and validation, and bits per byte, of all models over one another."""
    tables = {run.key: rows for run in runs if run.kind == "pretrain" and (rows := run.table("curve.tsv"))}
    x = axis(list(tables.values()), ("tokens", "step"))
    if x is None:
        return []
    figures = []
    charts = (
        ("Loss, nats per token", (("loss", False), ("validation_loss", True))),
        ("Validation, bits per byte", (("bits_per_byte", True),)),
    )
    for label, columns in charts:
        lines, legend, lost = [], [], []
        for place, (model, rows) in enumerate(tables.items()):
            drawn = False
            for column, strong in columns:
                line = curve(rows, x, column)
                if line.lost:
                    lost.append(f"{model}: {column} is not a finite number at {line.lost} point{'s' * (line.lost > 1)}")
                if line:
                    lines.append(Line(line, place, strong, marked=strong and len(line.x) <= 60))
                    drawn = True
            if drawn:
                legend.append((model, place, "line"))
        if lines:
            svg = chart(lines, {"tokens": "tokens seen", "step": "step"}[x], "", f"Pretraining: {label}", WIDE)
            figures.append(Figure(svg, label, "; ".join(lost), legend))
    return figures


def finetuning_figures(runs: list[Run], rows: list[Row], inits: list[str]) -> tuple[list[Figure], int]:
    """A panel per model and task with a line per seed, coloured by init; and how many panels were left out."""
    main = {(row.model, row.task): row.metric for row in rows if row.main}
    panels: dict[tuple[str, str], list[tuple[Run, str]]] = {}
    for (model, task, init), members in _cells(runs).items():
        panels.setdefault((task, model), []).extend((run, init) for run in members)
    figures: list[Figure] = []
    left_out = 0
    for (task, model), members in sorted(panels.items(), key=lambda item: [natural(part) for part in item[0]]):
        tables = {run.key: run.table("curve.tsv") for run, _ in members}
        x = axis(list(tables.values()), ("epoch", "step"))
        if x is None:
            continue
        if len(figures) == MAX_PANELS:
            left_out += 1
            continue
        columns = [metric_column(run, tables[run.key], main.get((model, task))) for run, _ in members]
        column = next((found for found in columns if found), "loss")
        lines = [Line(curve(tables[run.key], x, column), inits.index(init)) for run, init in members if init in inits]
        lines = [line for line in lines if line.curve]
        if lines:
            named = main.get((model, task)) if column == "validation_metric" else None
            metric = (f"validation {named}" if named else column).replace("_", " ")
            svg = chart(lines, x, metric, f"Fine-tuning {model} on {task}: {metric}", SMALL)
            drawn = {line.colour for line in lines}
            legend = [(init, place, "line") for place, init in enumerate(inits) if place in drawn]
            figures.append(Figure(svg, f"{task}, {model}", legend=legend))
    return figures, left_out


def _cells(runs: list[Run]) -> dict[tuple[str, str, str], list[Run]]:
    """(model, task, init) → its fine-tunings. An evaluation names them by id, which also finds those that two
    models share (random weights of the same architecture); a fine-tuning that none names goes by its role."""
    tuned = {run.id: run for run in runs if run.kind == "finetune"}
    tuned |= {str(run.manifest["same_as"]): run for run in tuned.values() if run.manifest.get("same_as")}
    cells: dict[tuple[str, str, str], list[Run]] = {}
    named = set()
    for run in runs:
        parents = run.manifest.get("parents") if run.kind == "evaluate" else None
        for parent in _mapping(parents).values():
            if found := tuned.get(str(_mapping(parent).get("id"))):
                cells.setdefault(split_cell(run.key), []).append(found)
                named.add(found.key)
    for run in runs:
        if run.kind == "finetune" and run.key not in named:
            cells.setdefault(split_cell(split_seed(run.key)[0]), []).append(run)
    return cells


def facts(corner: str, runs: list[Run], extra: dict[str, dict[str, Any]] | None = None) -> Table:
    """The headline numbers of some runs as a table; nested values become columns of their own."""
    of_run = {run.key: _flat(run.headline) | _flat((extra or {}).get(run.key, {})) for run in runs}
    columns = _in_order(column for found in of_run.values() for column in found)
    table = Table(corner, [column.replace("_", " ") for column in columns])
    for name, found in of_run.items():
        table.rows.append((name, [plain(found.get(column)) for column in columns]))
    return table


def model_settings(runs: list[Run]) -> dict[str, dict[str, Any]]:
    """What kind of model each pretraining run trained."""
    settings = {run.key: _mapping(run.config) for run in runs}
    return {
        model: {key: config[key] for key in ("architecture", "objective") if isinstance(config.get(key), str)}
        for model, config in settings.items()
    }


def versions(runs: list[Run]) -> str:
    """The libraries that made the runs, each with every version that was used."""
    found: dict[str, set[str]] = {}
    for run in runs:
        for library, version in _mapping(run.manifest.get("versions")).items():
            found.setdefault(str(library), set()).add(str(version))
    return ", ".join(f"{library} {' and '.join(sorted(found[library]))}" for library in sorted(found))


def corpora(runs: list[Run]) -> tuple[Table, list[str]]:
    """A row per corpus and split with its sizes, and a line per corpus with what else its headline says."""
    of_run = {run.key: _split_sizes(run) for run in runs}
    columns = _in_order(measure for sizes in of_run.values() for measure in sizes)
    table, lines = Table("corpus", ["split", *(column.replace("_", " ") for column in columns)]), []
    for run in runs:
        sizes = of_run[run.key]
        for split in SPLITS:
            if any(split in of_split for of_split in sizes.values()):
                values = [plain(sizes.get(column, {}).get(split)) for column in columns]
                table.rows.append((run.key, [split, *values]))
        if not sizes:
            table.rows.append((run.key, [plain(None)] * len(table.columns)))
        rest = _flat({key: value for key, value in run.headline.items() if key not in sizes})
        words = [f"{key.replace('_', ' ')} {plain(value)}" for key, value in rest.items() if value not in (0, None, "")]
        if words:
            lines.append(f"{run.key}: {', '.join(words)}.")
    return table, lines


def _split_sizes(run: Run) -> dict[str, dict[str, Any]]:
    """measure → split → count, from the headline; if that has none, the documents that the parquet footers count."""
    sizes = {
        measure: value
        for measure, value in run.headline.items()
        if isinstance(value, dict) and value and set(value) <= set(SPLITS)
    }
    files = {split: run.folder / f"{split}.parquet" for split in SPLITS}
    if sizes or not any(file.is_file() for file in files.values()):
        return sizes
    from pyarrow.parquet import read_metadata

    return {"documents": {split: read_metadata(file).num_rows for split, file in files.items() if file.is_file()}}


def grouped(rows: list[Row]) -> list[tuple[str, str, list[Row]]]:
    """The rows under their headings: (task, how it is scored, rows)."""
    groups = []
    for (task, scored), group in itertools.groupby(rows, key=lambda row: (row.task, row.scored)):
        members = list(group)
        counts = sorted({count for row in members for count in row.test_rows}, key=natural)
        groups.append((task, f"{scored}, {' or '.join(counts)} test rows" if counts else scored, members))
    return groups


def samples(runs: list[Run], characters: int) -> list[tuple[str, str, int]]:
    """(model, beginning of its samples, characters left out) of every model that wrote some."""
    found = []
    for run in runs:
        text = run.text("samples.txt") if run.kind == "pretrain" and characters else None
        if text and text.strip():
            text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", _visible, text.strip("\n"))
            found.append((run.key, text[:characters], max(0, len(text) - characters)))
    return found


def _visible(control: re.Match[str]) -> str:
    """The picture that Unicode has for a control character, which HTML could not hold."""
    return "\u2421" if control[0] == "\x7f" else chr(0x2400 + ord(control[0]))


def configs(runs: list[Run]) -> list[tuple[Run, str]]:
    """Each run's slice of the recipe as JSON; of runs that differ by the seed alone only the first."""
    shown, seen = [], set()
    for run in runs:
        cell = (run.kind, split_seed(run.key)[0])
        if run.config is not None and cell not in seen:
            seen.add(cell)
            text = json.dumps(run.config, indent=1, sort_keys=True, ensure_ascii=False)
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


def _mapping(value: Any) -> dict[str, Any]:
    """The value if it is a mapping, else an empty one: manifests may come from older code."""
    return value if isinstance(value, dict) else {}


def _flat(value: dict[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, item in value.items():
        name = f"{above} {key}".strip()
        flat |= _flat(item, name) if isinstance(item, dict) else {name: item}
    return flat
