"""The page: its sections put into the templates, with everything that it needs inside."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from snakelm.report.charts import Chart
from snakelm.report.facts import Facts
from snakelm.report.figures import DARK_SERIES, SERIES
from snakelm.report.numbers import plain
from snakelm.report.sections.answer import Answer, answer
from snakelm.report.sections.checks import Check, checks
from snakelm.report.sections.data import Data, data
from snakelm.report.sections.differences import differences
from snakelm.report.sections.finetuning import Finetuning, finetuning
from snakelm.report.sections.learning import learning_curves
from snakelm.report.sections.pretraining import Pretraining, pretraining
from snakelm.report.sections.reproduce import Reproduce, reproduce
from snakelm.report.sections.scoreboard import Scoreboard, scoreboard
from snakelm.report.sections.tasks import Tasks, tasks
from snakelm.report.sections.tokenizers import Tokenizers, tokenizers
from snakelm.report.story import Story

FOLDER = Path(__file__).parent
LIBRARIES = ("d3", "plot", "tabulator")


@dataclass(frozen=True)
class Sections:
    """What the page shows, in its order."""

    answer: Answer
    checks: list[Check]
    scoreboard: Scoreboard
    differences: list[Chart]
    learning: list[Chart]
    tasks: Tasks
    pretraining: Pretraining
    finetuning: Finetuning
    tokenizers: Tokenizers
    data: Data
    reproduce: Reproduce

    @classmethod
    def of(cls, story: Story, sentences: list[str], summary: dict[str, Any]) -> Sections:
        return cls(
            answer=answer(story, sentences, summary),
            checks=checks(story),
            scoreboard=scoreboard(story),
            differences=differences(story),
            learning=learning_curves(story),
            tasks=tasks(story),
            pretraining=pretraining(story),
            finetuning=finetuning(story),
            tokenizers=tokenizers(story),
            data=data(story),
            reproduce=reproduce(story),
        )


def write_page(story: Story, sections: Sections, file: Path, facts: Facts | None = None) -> None:
    """One file that needs no other; `facts`: what differs between machines, left out where None."""
    html = (
        environment()
        .get_template("page.html")
        .render(
            title=story.config.title or story.name,
            description=story.config.description,
            page=sections,
            facts=facts,
            **frame(),
        )
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(html, encoding="utf-8", newline="\n")


def frame() -> dict[str, Any]:
    """What frame.html needs: style and script, the JavaScript and CSS of others, and their licences."""
    return {
        "style": shipped("page.css"),
        "script": shipped("page.js"),
        "libraries": [shipped(f"vendor/{name}.min.js") for name in LIBRARIES],
        "tabulator_style": shipped("vendor/tabulator.min.css"),
        "licences": [(name, str(shipped(f"vendor/{name}.LICENSE.txt"))) for name in LIBRARIES],
        "series": SERIES,
        "dark_series": DARK_SERIES,
        "number": plain,
    }


@functools.cache
def shipped(name: str) -> Markup:
    """A file of this package, as it is."""
    return Markup((FOLDER / name).read_text(encoding="utf-8"))


@functools.cache
def environment() -> Environment:
    """Every value is escaped unless it is markup that this package made."""
    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
