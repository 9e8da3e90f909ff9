"""A task's data: rows of all splits in the task's columns, sampled, with the label set, checked across splits."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakelm.core.console import log
from snakelm.core.errors import UserError
from snakelm.finetune.rows import task_rows
from snakelm.finetune.splits import hold_out, sample
from snakelm.readers.config import SourceConfig
from snakelm.readers.corpus import SPLITS, has_split, read_split
from snakelm.readers.row import Row
from snakelm.readers.rows import read_rows
from snakelm.tasks.config import TaskConfig
from snakelm.tasks.data import TaskData, Where
from snakelm.tasks.unlabelled import why_unlabelled

if TYPE_CHECKING:
    from pandas import DataFrame

_PARAGRAPH = re.compile(r"\n[ \t\r]*\n")


def load(
    task: TaskConfig, corpus: Path | None, sources: Mapping[str, Any] | None = None, work: Path | None = None
) -> TaskData:
    """The task's data; kept in the process, so that the seeds of one job read them once.

    `corpus` is the run folder of the corpus, where the task names one; `sources` the hashes of local files;
    `work` a folder for downloads. Raises UserError with file and line for whatever is wrong with the data.
    """
    keys = {name: value for name, value in task.identity().items() if name not in task.training_keys()}
    key = json.dumps([keys, str(corpus), sorted((sources or {}).items())], sort_keys=True)
    files = {name: digest for name, digest in (sources or {}).items() if isinstance(digest, str)}  # callables are dicts
    return _load(_Request(key, task, corpus, files, work))


@dataclass(frozen=True)
class _Request:
    key: str
    task: TaskConfig
    corpus: Path | None
    sources: dict[str, str]
    work: Path | None

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Request) and self.key == other.key


@functools.lru_cache(maxsize=2)
def _load(request: _Request) -> TaskData:
    return assemble(request.task, _read_sources(request))


def assemble(task: TaskConfig, raw: Mapping[str, list[Row]]) -> TaskData:
    """The task's data, given all rows of its sources by split (one split, train, where all splits are made of it)."""
    unlabelled = unlabelled_splits(raw, task)
    frames = {
        split: task_rows(rows, task, split, source_name(task, split), split not in unlabelled)
        for split, rows in raw.items()
    }
    wheres = {split: _where(rows) for split, rows in raw.items()}
    task.check_rows(_without(unlabelled, frames), wheres)
    frames, wheres = _make_splits(frames, wheres, task)
    labels = task.find_labels(_without(unlabelled, frames), wheres)
    frames = _sampled(frames, task)
    frames, duplicates = _without_duplicates(frames, task)
    for split, frame in frames.items():
        if not len(frame):
            raise UserError(f"{split}: no rows are left")
    if labels is not None and (unseen := task.untrained_labels(labels, frames["train"])):
        log.warning(f"train: no row has the label {', '.join(map(repr, unseen[:5]))}" + (" …" if unseen[5:] else ""))
    log.info("rows: " + ", ".join(f"{split} {len(frame):,}" for split, frame in frames.items()))
    raw_of: dict[str, Sequence[Row]] = {split: raw[split if split in raw else "train"] for split in frames}
    return TaskData(frames, labels, duplicates, wheres, raw_of, unlabelled)


def unlabelled_splits(raw: Mapping[str, list[Row]], task: TaskConfig) -> frozenset[str]:
    """The splits that have no labels, which the test alone may lack."""
    why = why_unlabelled(raw["test"], raw["train"], task) if {"test", "train"} <= raw.keys() else None
    if why is None:
        return frozenset()
    log.warning(f"test: {why}: it gets predictions without scores")
    return frozenset({"test"})


def _without(splits: frozenset[str], frames: dict[str, DataFrame]) -> dict[str, DataFrame]:
    return {split: frame for split, frame in frames.items() if split not in splits}


def source_name(task: TaskConfig, split: str) -> str:
    """What messages call a split's source."""
    if task.corpus is not None:
        return f"corpus {task.corpus}"
    given = {"train": task.train, "validation": task.validation, "test": task.test}
    source = given[split] or task.data or task.train
    if source is None:
        return split
    return ", ".join(source.files or []) or source.url or source.python or (source.hub.name if source.hub else "")


def _where(rows: list[Row]) -> Where:
    return lambda number: rows[number].where


def _read_sources(request: _Request) -> dict[str, list[Row]]:
    """Split → rows as they stand; a task with `data` has one split, called train, until it is split."""
    task = request.task
    if task.corpus is not None:
        if request.corpus is None:
            raise UserError(f"corpus {task.corpus}: its run folder was not given")
        return {split: rows for split in SPLITS if (rows := corpus_rows(request.corpus, split, task))}
    given = sources_of(task)
    return {split: list(read_rows(source, request.sources, request.work)) for split, source in given.items()}


def sources_of(task: TaskConfig) -> dict[str, SourceConfig]:
    """Split → the source of its rows; a task with `data` has one split, called train."""
    given = {"train": task.data or task.train, "validation": task.validation, "test": task.test}
    if not task.trains:
        given = {"test": task.test or task.data or task.train}
    return {split: source for split, source in given.items() if source is not None}


def corpus_rows(folder: Path, split: str, task: TaskConfig) -> list[Row]:
    """Documents, or their paragraphs with the document's other columns; each knows its place."""
    if not has_split(folder, split):
        return []
    frame = read_split(folder, split)
    records: list[dict[str, Any]] = frame.rename(columns=str).to_dict("records")  # type: ignore[assignment]
    place = f"corpus {task.corpus}, {split}"
    if not task.reads_paragraphs():
        return [Row(record, place, number + 1, "document") for number, record in enumerate(records)]
    rows = []
    for number, record in enumerate(records):
        for text in _PARAGRAPH.split(record["text"]):
            if len(text := text.strip()) >= task.min_chars and len(text) <= (task.max_chars or len(text)):
                rows.append(
                    Row(record | {"text": text, "document": f"{split} {number}"}, place, number + 1, "document")
                )
    return rows


def _make_splits(
    frames: dict[str, DataFrame], wheres: dict[str, Where], task: TaskConfig
) -> tuple[dict[str, DataFrame], dict[str, Where]]:
    if not task.trains:
        split = "test" if "test" in frames else "train"
        return {"test": frames[split]}, {"test": wheres[split]}
    if task.data is not None:
        train, test = _held_out(frames["train"], "test", task)
        frames, wheres = {"train": train, "test": test}, dict.fromkeys(SPLITS, wheres["train"])
    if "test" not in frames or "train" not in frames:
        missing = "test" if "train" in frames else "train"
        raise UserError(
            f"corpus {task.corpus} has no {missing} split; hold some documents out as {missing} in the recipe"
        )
    if "validation" not in frames and task.validation_fraction:
        train, validation = _held_out(frames["train"], "validation", task)
        frames, wheres = frames | {"train": train, "validation": validation}, wheres | {"validation": wheres["train"]}
    return {split: frames[split] for split in SPLITS if split in frames}, wheres


def _held_out(frame: DataFrame, split: str, task: TaskConfig) -> tuple[DataFrame, DataFrame]:
    labels = task.labels_of(frame)
    fraction, seed = (task.test_fraction, 0) if split == "test" else (task.validation_fraction, 1)
    rest, held = hold_out(frame, fraction, task.data_seed + seed, task.stratify, labels)
    if not len(held):
        groups = f" (groups: {frame['group'].nunique()})" if "group" in frame else ""
        keeping = " while training keeps each label" if labels is not None and len(frame) > 1 else ""
        none = ", or set validation_fraction: 0" if split == "validation" else ""
        raise UserError(
            f"{split}: of {len(frame)} rows{groups} none can be held out{keeping};"
            f" give {split} a source of its own{none}"
        )
    return rest, held


def _sampled(frames: dict[str, DataFrame], task: TaskConfig) -> dict[str, DataFrame]:
    if isinstance(task.max_train_rows, list):
        raise UserError("max_train_rows is a list: the recipe makes one task per size (learning_curve)")
    sizes = {"train": task.max_train_rows, "validation": task.max_validation_rows, "test": task.max_test_rows}
    for split, size in sizes.items():
        if size is not None and split in frames and size > len(frames[split]):
            log.warning(f"{split}: {size:,} rows are asked for, but there are {len(frames[split]):,}")
    return {split: sample(frame, sizes[split], task.data_seed) for split, frame in frames.items()}


def _without_duplicates(frames: dict[str, DataFrame], task: TaskConfig) -> tuple[dict[str, DataFrame], dict[str, int]]:
    """Count, and say, which held-out rows also stand in training; with `duplicates: drop` training loses them."""
    if "train" not in frames:
        return frames, {}
    keys = {split: _input_keys(frame, task) for split, frame in frames.items()}
    train = set(keys["train"])
    counts = {split: sum(key in train for key in keys[split]) for split in frames if split != "train"}
    drop = task.duplicates == "drop"
    for split, count in counts.items():
        if count:
            kept = "they are dropped from training" if drop else "set duplicates: drop to leave them out of training"
            log.warning(f"{split}: {count:,} of {len(frames[split]):,} rows also stand in training; {kept}")
    if drop and any(counts.values()):
        held_out = {key for split in counts for key in keys[split]}
        keep = [key not in held_out for key in keys["train"]]
        frames = frames | {"train": frames["train"][keep].reset_index(drop=True)}
    return frames, counts


def _input_keys(frame: DataFrame, task: TaskConfig) -> list[str]:
    columns = [frame[name] for name in task.inputs if name in frame]
    return [
        json.dumps([list(cell) if not isinstance(cell, str) else cell for cell in cells])
        for cells in zip(*columns, strict=True)
    ]
