"""Data are looked at before anything is trained: what a job would refuse after hours is refused when it is planned.

A look is asked for each corpus, task, outside model and outside tokenizer of which a run is still to be made, unless
one with the same content has been looked at before (`results/.work/cache/looks.json`; losing it costs time only). The
answers come from a process of its own (`inspector.py`). What could not be looked at, such as a Hub that cannot be
reached, is said and does not stop anything.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from snakelm.core.errors import one_line
from snakelm.core.outside import folder_of
from snakelm.fetch_corpus.config import CorpusConfig
from snakelm.planning.plan import FINISHED, Plan, PlannedRun
from snakelm.pretrain.config import ENTRY
from snakelm.readers.config import SourceConfig
from snakelm.readers.download import cached_copy
from snakelm.runs.code import ROOT
from snakelm.runs.digests import JsonCache, digest
from snakelm.runs.fingerprints import WORDS
from snakelm.tasks.config import TaskConfig, baseline_names

SECONDS = 30.0
"""After which a look is given up."""
ASK_AGAIN = 3600.0
"""Seconds after which what could not be looked at is asked again."""
CRASHES = 3
"""So many looks may end the process that looks; then the rest is left to the jobs."""


@dataclass(frozen=True)
class Look:
    """A question: is there anything wrong with this entry?"""

    kind: str
    """corpus, task, model or tokenizer."""
    where: str
    """Its key path in the recipe."""
    config: dict[str, Any]
    """The typed config as plain values; of a model its name."""
    sources: dict[str, Any] = field(default_factory=dict)
    """Fingerprints of local files."""
    corpus: dict[str, Any] | None = None
    """The corpus entry, of a corpus or of a task that reads one."""
    corpus_folder: str = ""
    """The run of the corpus, where it is finished."""


@dataclass(frozen=True)
class Answer:
    """What a look has found: lines that say what, where, and what to do."""

    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What could not be looked at, and why."""
    was_looked_at: bool = True


class Inspection:
    """Looks at what a plan is to make; `only` (`stage:name`) limits it to what those runs need."""

    def __init__(self, only: object = None):
        self.only = only

    def __call__(self, plan: Plan, broken: Iterable[str] = ()) -> list[str]:
        """Every problem found, a line each; `broken`: key paths whose problems are known already."""
        if self.only == FINISHED or not plan.recipe.check_data:
            return []
        known_problems = set(broken)
        cache = JsonCache(plan.store.cache / "looks.json")
        now = time.time()
        asked: dict[str, Look] = {}
        problems: list[str] = []
        for question in _questions(self._unfinished(plan)):
            if question.where in known_problems or question.key in asked or _is_answered(cache.get(question.key), now):
                continue
            look = question.look()
            if look.kind == "model" and (folder := folder_of(look.config["name"])) and not folder.is_dir():
                remedy = "give a folder or a Hub name (owner/name)"
                problems.append(f"{look.where}: there is no folder {look.config['name']!r}; {remedy}")
            else:
                asked[question.key] = look
        answers = ask(list(asked.values()), plan.recipe.plugins) if asked else []
        for key, answer in zip(asked, answers, strict=True):
            problems += answer.problems
            for note in answer.notes:
                print(f"note: {note}", file=sys.stderr)
            if not answer.problems and answer.was_looked_at:
                cache.put(key, now if answer.notes else True)
        cache.save()
        return list(dict.fromkeys(problems))

    def _unfinished(self, plan: Plan) -> list[PlannedRun]:
        if self.only is None:
            return [run for run in plan.runs.values() if not run.done]
        needed: dict[PlannedRun, None] = {}
        waiting = [run for job in plan.matching(str(self.only)) for run in job.runs]
        while waiting:
            run = waiting.pop()
            if not run.done and run not in needed:
                needed[run] = None
                waiting.extend(run.parents.values())
        return [run for run in plan.runs.values() if run in needed]


def ask(looks: Sequence[Look], plugins: Sequence[str]) -> list[Answer]:
    """The answers of a process that looks; one that a callable ends is started again for the rest."""
    answers: list[Answer] = []
    for _ in range(CRASHES):
        rest = looks[len(answers) :]
        request = json.dumps({"plugins": list(plugins), "looks": [asdict(look) for look in rest]})
        start = "import sys; sys.path.insert(0, sys.argv[1]); from snakelm.planning.inspector import main; main()"
        command = [sys.executable, "-P", "-c", start, str(ROOT)]
        try:
            done = subprocess.run(
                command, input=request, capture_output=True, text=True, timeout=60 + (SECONDS + 5) * len(rest)
            )
            printed, why = done.stdout, f"its process ended with code {done.returncode}; {_last_line(done.stderr)}"
        except subprocess.TimeoutExpired as stuck:
            given = stuck.stdout or b""  # bytes, whatever `text` says
            printed, why = given.decode() if isinstance(given, bytes) else given, "it takes too long"
        answers += [Answer(**_tuples(json.loads(line))) for line in printed.splitlines() if line.endswith("}")]
        if len(answers) >= len(looks):
            return answers
        answers.append(Answer(notes=(f"{looks[len(answers)].where}: could not be looked at ({why})",)))
        if len(answers) == len(looks):
            return answers
    return answers + [Answer(was_looked_at=False)] * (len(looks) - len(answers))


class _Question(NamedTuple):
    """A look that may be needed; its details are put together only if it is."""

    key: str
    """A digest of everything that the answer depends on."""
    where: str
    look: Callable[[], Look]


def _questions(runs: Sequence[PlannedRun]) -> Iterator[_Question]:
    """What is to be asked of the entries that these runs are made of."""
    tasks: set[str] = set()
    starts: set[str] = set()
    baselines = baseline_names()
    for run in runs:
        match run.stage:
            case "fetch_corpus":
                yield _of_corpus(run)
            case "train_tokenizer" if run.identity["existing"]:
                yield _of_tokenizer(run)
            case "pretrain" if (name := _start_of(run)) not in (*WORDS, ENTRY):
                yield _of_model(run, name, f"models.{run.subject.model}.init")
            case "finetune":
                if run.subject.task not in tasks:
                    tasks.add(run.subject.task)
                    yield _of_task(run)
                if (name := _start_of(run)) not in (*WORDS, *baselines) and name not in starts:
                    starts.add(name)
                    yield _of_model(run, name, "experiments.init", needs_tokenizer=True)


def _of_corpus(run: PlannedRun) -> _Question:
    where = f"corpora.{run.subject.corpus}"

    def look() -> Look:
        settings = run.settings()
        return Look("corpus", where, settings, dict(run.sources), corpus=settings)

    return _Question(_key(run, run.identity, run.sources, _caches(run.typed())), where, look)


def _of_tokenizer(run: PlannedRun) -> _Question:
    where = f"tokenizers.{run.subject.tokenizer}"
    return _Question(_key(run, run.identity, run.sources), where, lambda: Look("tokenizer", where, run.settings()))


def _start_of(run: PlannedRun) -> str:
    """What a run starts from, as the recipe calls it. (In the identity a folder's content may stand in its place.)"""
    if run.stage == "finetune":
        return run.subject.init
    return str(run.typed().init)  # type: ignore[attr-defined]  # a ModelConfig


def _of_model(run: PlannedRun, name: str, where: str, needs_tokenizer: bool = False) -> _Question:
    config = {"name": name, "needs_tokenizer": needs_tokenizer}
    return _Question(digest(["model", config, _of_folder(run)]), where, lambda: Look("model", where, config))


def _of_folder(run: PlannedRun) -> dict[str, Any]:
    """The fingerprints of the local folder that a run starts from."""
    folder = folder_of(_start_of(run))
    if folder is None:
        return {}
    return {path: value for path, value in run.sources.items() if path.startswith(f"{folder.as_posix()}/")}


def _of_task(run: PlannedRun) -> _Question:
    task = run.typed().task  # type: ignore[attr-defined]  # a FinetuneConfig
    assert isinstance(task, TaskConfig)
    where, corpus, of_init = f"tasks.{run.subject.task}", run.parents.get("corpus"), _of_folder(run)
    sources = {path: value for path, value in run.sources.items() if path not in of_init}
    caches = [path for source in (task.data, task.train, task.validation, task.test) for path in _caches(source)]
    of_corpus: list[Any] = []
    if corpus is not None:
        sources |= corpus.sources
        caches += _caches(corpus.typed())
        of_corpus = [corpus.canonical, corpus.done]
    # Rows do not depend on how they are learnt, nor on how many of them.
    left_out = {*task.training_keys(), "max_train_rows", "grid"}
    identity = {key: value for key, value in run.identity["task"].items() if key not in left_out}

    def look() -> Look:
        return Look(
            "task",
            where,
            task.model_dump(mode="json") | {"max_train_rows": None},
            sources,
            corpus=None if corpus is None else corpus.settings(),
            corpus_folder=str(corpus.folder.absolute()) if corpus is not None and corpus.done else "",
        )

    return _Question(_key(run, identity, sources, of_corpus, caches), where, look)


def _key(run: PlannedRun, *content: Any) -> str:
    return digest([run.stage, run.code, *content])


def _caches(config: Any) -> list[str]:
    """The local copy of what a source downloads, where it exists: it can be looked at."""
    sources = [part.source for part in config.parts()] if isinstance(config, CorpusConfig) else [config]
    copies = [cached_copy(source) for source in sources if isinstance(source, SourceConfig)]
    return [str(copy) for copy in copies if copy]


def _is_answered(known: object, now: float) -> bool:
    """Whether an item of the cache says that there is nothing to look at again."""
    if isinstance(known, bool):
        return known
    return isinstance(known, (int, float)) and now - ASK_AGAIN < known <= now


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _last_line(text: str) -> str:
    return one_line(Exception(text.strip().rpartition("\n")[2]), 200) or "it said nothing"
