"""How to reproduce: the runs behind the page, their settings and the libraries that made them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from snakelm.report.charts import Column, Table
from snakelm.report.runs import FinishedRun
from snakelm.report.story import Story

MOST_LISTED = 300
"""Runs, at most, that are listed without help of JavaScript."""
MOST_SETTINGS = 60
"""Runs, at most, whose settings are shown."""


@dataclass(frozen=True)
class Reproduce:
    runs: Sequence[FinishedRun]
    """Empty where there are too many to list."""
    count: int
    table: Table | None
    """The runs, where there are many."""
    settings: Sequence[tuple[FinishedRun, str]]
    settings_left_out: int
    versions: str


def reproduce(story: Story) -> Reproduce:
    runs = story.distinct
    many = len(runs) > MOST_LISTED
    settings = configs(runs)
    columns = (Column("stage"), Column("run", "run"))
    table = Table("runs", columns, tuple((run.stage, run.path) for run in runs), "All runs and their folders")
    return Reproduce(
        runs=() if many else runs,
        count=len(runs),
        table=table if many else None,
        settings=settings[:MOST_SETTINGS],
        settings_left_out=max(0, len(settings) - MOST_SETTINGS),
        versions=versions(runs),
    )


def versions(runs: Sequence[FinishedRun]) -> str:
    """The libraries that made the runs, each with every version that was used."""
    found: dict[str, set[str]] = {}
    for run in runs:
        for library, version in run.manifest.versions.items():
            found.setdefault(library, set()).add(version)
    return ", ".join(f"{library} {' and '.join(sorted(found[library]))}" for library in sorted(found))


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
