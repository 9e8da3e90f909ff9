"""Looks at the data of a recipe as its jobs will: opens files, calls callables, checks columns and labels.

It is a process of its own (`inspection.py` starts it), since it imports much and calls the user's code, which may be
slow, print, or end the process. Every check is the job's own (`fetch_corpus`, `task_rows`, `assemble`); of sources too
large to be read whole, only what single rows show is judged.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from snakelm.core import plugins
from snakelm.core.console import log
from snakelm.core.errors import UserError, one_line
from snakelm.core.outside import folder_of
from snakelm.planning.hub import trouble_on_hub
from snakelm.planning.inspection import SECONDS, Answer, Look
from snakelm.planning.samples import CHARACTERS, ROWS, Sample, joined, sample
from snakelm.readers.row import Row
from snakelm.readers.rows import column, has_column
from snakelm.tasks.config import TaskConfig, task_types
from snakelm.tasks.labelled import Labelled

MOST_LINES = 5
"""Lines said about one look; a thousand files of one kind have one problem."""


class TooLong(BaseException):
    """No Exception, so that no callable catches it."""


def main() -> None:
    """Answer the looks that come by standard input, one line of JSON each."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a callable prints is no answer
    request = json.load(sys.stdin)
    plugins.load(request["plugins"])
    with tempfile.TemporaryDirectory() as folder:
        inspector = Inspector(Path(folder))
        for item in request["looks"]:
            print(json.dumps(asdict(inspector.answer(Look(**item)))), file=answers, flush=True)


class Inspector:
    """Answers looks one after another; a corpus that several tasks read is read once.

    folder: an empty folder for samples of corpora.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._corpora: dict[str, tuple[Path, Sample]] = {}

    def answer(self, look: Look) -> Answer:
        """What is wrong with it; an error of ours, or one that takes too long, is no reason to refuse a recipe."""
        was_disabled, log.disabled = log.disabled, True  # the job says it
        alarm = signal.signal(signal.SIGALRM, _too_long)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            found = getattr(self, f"_{look.kind}")(look)
        except TooLong:
            return Answer(notes=(f"{look.where}: could not be looked at within {SECONDS:g} s; the job will",))
        except UserError as error:
            return Answer(problems=tuple(f"{look.where}: {line}" for line in error.lines))
        except Exception as error:
            return Answer(notes=(f"{look.where}: could not be looked at ({type(error).__name__}: {one_line(error)})",))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, alarm)
            log.disabled = was_disabled
        return _shortened(found)

    def _corpus(self, look: Look) -> Answer:
        _, found = self._sample_of_corpus(look)
        said = [f"{look.where}: {line}" for line in found.problems]
        return Answer(tuple(said), tuple(f"{look.where}: {line}" for line in found.notes))

    def _task(self, look: Look) -> Answer:
        from snakelm.finetune.data import corpus_rows, sources_of
        from snakelm.readers.corpus import SPLITS

        task = task_types.validate(look.config)
        if task.corpus is None:
            samples = {
                (_key_of(task, split), split): sample(source, look.sources)
                for split, source in sources_of(task).items()
            }
        else:
            folder, found = self._sample_of_corpus(look)
            if found.problems or found.notes:
                return Answer(was_looked_at=False)  # the corpus says it
            by_split = {split: corpus_rows(folder, split, task) for split in SPLITS}
            samples = {("corpus", split): Sample(rows, found.whole) for split, rows in by_split.items() if rows}
        problems = [f"{look.where}.{key}: {line}" for (key, _), one in samples.items() for line in one.problems]
        notes = [f"{look.where}.{key}: {line}" for (key, _), one in samples.items() for line in one.notes]
        problems += task_problems(task, look.where, {key: one for key, one in samples.items() if not one.problems})
        return Answer(tuple(dict.fromkeys(problems)), tuple(notes))

    def _model(self, look: Look) -> Answer:
        """The folder or Hub name of a model to start from."""
        name = str(look.config["name"])
        if (folder := folder_of(name)) is None:
            return _of_hub(look.where, "model", name)
        from snakelm.architectures.outside import read_config

        read_config(folder, name)
        if not any(folder.glob("*.safetensors")):
            raise UserError(f"{name}: has no *.safetensors; save the weights with save_pretrained")
        if look.config.get("needs_tokenizer"):
            from snakelm.tokenization.outside import read_tokenizer

            read_tokenizer(folder, name)
        return Answer()

    def _tokenizer(self, look: Look) -> Answer:
        from snakelm.train_tokenizer.config import TokenizerConfig
        from snakelm.train_tokenizer.existing import load

        config = TokenizerConfig.model_validate(look.config)
        name = str(config.existing)
        if folder_of(name) is None:
            return _of_hub(f"{look.where}.existing", "model", name, config.revision)
        try:
            load(config, look.where)
        except UserError as error:
            return Answer(error.lines)  # they name the key
        return Answer()

    def _sample_of_corpus(self, look: Look) -> tuple[Path, Sample]:
        """A folder like a corpus run's, made of the beginning of the corpus; and what came up."""
        key = json.dumps([look.corpus, look.corpus_folder], sort_keys=True)
        if key not in self._corpora:
            folder = self.folder / str(len(self._corpora))
            folder.mkdir()
            self._corpora[key] = (folder, Sample(whole=False, notes=["could not be looked at"]))  # if it takes too long
            if look.corpus_folder:
                found = _beginning(Path(look.corpus_folder), folder)
            else:
                found = _small_corpus(look.corpus or {}, look.sources, folder)
            self._corpora[key] = (folder, found)
        return self._corpora[key]


def task_problems(task: TaskConfig, where: str, samples: Mapping[tuple[str, str], Sample]) -> list[str]:
    """What a task's job would refuse in these rows; samples: (key of the source, split) → its rows."""
    from snakelm.finetune.data import assemble, source_name, sources_of, unlabelled_splits
    from snakelm.finetune.rows import NoRowsLeft, task_rows

    problems: list[str] = []
    said: set[tuple[str, str]] = set()
    frames, places = {}, {}
    unlabelled = unlabelled_splits({split: found.rows for (_, split), found in samples.items()}, task)
    for (key, split), found in samples.items():
        if not found.rows and not found.whole:
            continue  # not looked at
        missing = _missing_columns(task, split, found, split not in unlabelled)
        for name in missing:
            if (key, name) not in said:  # the splits of a corpus have the same columns
                said.add((key, name))
                problems.append(_said_of_column(task, where, name, found.rows[0]))
        if missing or _may_be_labelled_later(task, found):
            continue
        try:
            frames[split] = task_rows(found.rows, task, split, source_name(task, split), split not in unlabelled)
        except NoRowsLeft as error:
            problems += [f"{where}.{key}: {line}" for line in error.lines if found.whole]
        except UserError as error:
            problems += [f"{where}.{key}: {line}" for line in error.lines]
        places[split] = lambda number, rows=found.rows: rows[number].where
    if problems or len(frames) < len(sources_of(task) if task.corpus is None else samples):
        return problems
    try:
        if all(found.whole for found in samples.values()):
            assemble(task, {split: found.rows for (_, split), found in samples.items() if found.rows})
        elif isinstance(task, Labelled) and task.given_labels() and "train" in frames:
            task.find_labels({split: frame for split, frame in frames.items() if split not in unlabelled}, places)
    except UserError as error:
        problems = [f"{where}: {line}" for line in error.lines]
    return problems


def _missing_columns(task: TaskConfig, split: str, found: Sample, labelled: bool) -> list[str]:
    """The columns that the task names and no row has."""
    gold = None if _may_be_labelled_later(task, found) else task.gold_column()
    names = [*task.text_columns(), gold, task.group_column if split == "train" else None]
    if not labelled:
        names = [name for name in names if name != task.answer_column()]
    return [name for name in names if name and found.rows and not any(has_column(row, name) for row in found.rows)]


def _may_be_labelled_later(task: TaskConfig, found: Sample) -> bool:
    """Whether rows that were not read may have the label that is missing in all that were."""
    gold = task.gold_column()
    may_lack = gold is not None and task.missing_labels == "drop" and not found.whole
    return may_lack and not any(has_column(row, str(gold)) for row in found.rows)


def _said_of_column(task: TaskConfig, where: str, name: str, row: Row) -> str:
    """That a column is missing, with the key of the task that names it."""
    keys = [key for key, value in task.__dict__.items() if value == name and key.endswith(("column", "columns"))]
    try:
        column(row, name)
    except UserError as error:
        return f"{'.'.join([where, *keys[:1]])}: {error}"
    raise AssertionError(f"{name} is there")


def _small_corpus(entry: Mapping[str, Any], sources: Mapping[str, Any], folder: Path) -> Sample:
    """The corpus that fetch_corpus makes of the beginnings of its sources."""
    from snakelm.fetch_corpus.config import CorpusConfig, Part, SplitConfig
    from snakelm.fetch_corpus.fetch import check_rows, write_corpus

    config = CorpusConfig.model_validate(entry)
    samples = {part.name: sample(part.source, sources) for part in config.parts()}
    found = joined(samples.values())
    if found.problems or found.notes or not (found.rows or found.whole):
        return found

    def rows(part: Part) -> Iterator[Row]:
        return iter(samples[part.name].rows)

    if not found.whole:
        try:
            check_rows(config, rows, folder, {name for name, one in samples.items() if not one.whole})
        except UserError as error:
            found.problems += error.lines
            return found
        # The first rows do not show how all of them are divided.
        config = config.model_copy(update={"split": SplitConfig(), "group": None})
    try:
        write_corpus(config, rows, folder, folder)
    except UserError as error:
        found.problems += error.lines if found.whole else ()  # the rows that are not read may be better
    return found


def _beginning(corpus: Path, folder: Path) -> Sample:
    """The first documents of each split of a finished corpus."""
    import pyarrow
    import pyarrow.parquet

    from snakelm.readers.corpus import SPLITS, has_split

    found = Sample()
    for split in SPLITS:
        if not has_split(corpus, split):
            continue
        rows, characters = 0, 0
        with pyarrow.parquet.ParquetFile(corpus / f"{split}.parquet") as file:
            batches = []
            for batch in file.iter_batches(batch_size=100):
                batches.append(batch)
                rows, characters = rows + batch.num_rows, characters + batch.nbytes
                if rows >= ROWS or characters >= CHARACTERS:
                    break
            found.whole = found.whole and rows == file.metadata.num_rows
            table = pyarrow.Table.from_batches(batches, file.schema_arrow)
        pyarrow.parquet.write_table(table, folder / f"{split}.parquet")
        found.rows.append(Row({}, split, 1))
    return found


def _of_hub(where: str, kind: str, name: str, revision: str | None = None) -> Answer:
    trouble = trouble_on_hub(kind, name, revision)
    if trouble is None:
        return Answer()
    lines = (f"{where}: {trouble.line}",)
    return Answer(problems=lines) if trouble.is_certain else Answer(notes=lines)


def _key_of(task: TaskConfig, split: str) -> str:
    """The key of the task that holds the source of a split."""
    if split == "train" or getattr(task, split) is None:
        return "data" if task.data is not None else "train"
    return split


def _shortened(answer: Answer) -> Answer:
    lines = answer.problems
    if len(lines) <= MOST_LINES:
        return answer
    return Answer((*lines[:MOST_LINES], f"{lines[MOST_LINES].partition(': ')[0]}: and {len(lines) - MOST_LINES} more"))


def _too_long(*_: object) -> None:
    raise TooLong


if __name__ == "__main__":
    main()
