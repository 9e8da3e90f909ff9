"""The corpora: sources, sizes and splits, and what cleaning took out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from snakelm.readers.corpus import SPLITS
from snakelm.report.fact_tables import FactTable, flat, in_order
from snakelm.report.numbers import plain
from snakelm.report.runs import FinishedRun
from snakelm.report.sections.reproduce import without_secrets
from snakelm.report.story import Story

SOURCES = ("files", "url", "python", "hub", "source", "mixture")
"""Keys of a corpus that say where it comes from."""


@dataclass(frozen=True)
class Data:
    sizes: FactTable
    sources: Sequence[tuple[str, str]]
    """(corpus, where its text comes from)."""
    lines: Sequence[str]
    """A line per corpus with what else its headline says: what was dropped, duplicates."""


def data(story: Story) -> Data:
    runs = story.of_stage("fetch_corpus")
    sizes, lines = _sizes(runs)
    return Data(sizes, [(run.entry, where) for run in runs if (where := _source(run))], lines)


def _source(run: FinishedRun) -> str:
    parts = []
    for key in SOURCES:
        value = run.manifest.config.get(key)
        if value:
            shown = without_secrets(plain(value) if not isinstance(value, dict) else ", ".join(map(str, value)))
            parts.append(f"{key}: {shown[:300]}")
    return "; ".join(parts)


def _sizes(runs: Sequence[FinishedRun]) -> tuple[FactTable, list[str]]:
    """A row per corpus and split with its sizes, and a line per corpus with what else its headline says."""
    of_run = {run.entry: _split_sizes(run) for run in runs}
    columns = in_order(measure for sizes in of_run.values() for measure in sizes)
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
        told = {*sizes, "sources", "cleaning", "duplicates"}
        rest = flat({key: value for key, value in run.manifest.headline.items() if key not in told})
        words = [f"{key.replace('_', ' ')} {plain(value)}" for key, value in rest.items() if value not in (0, None, "")]
        if words:
            lines.append(f"{run.entry}: {', '.join(words)}.")
        elif run.manifest.headline and not told & {"cleaning", "duplicates"} & run.manifest.headline.keys():
            lines.append(f"{run.entry}: nothing was dropped or altered.")
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
