"""Per task: how its labels are spread, where the model is wrong, and its most confident errors with their text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakelm.report.charts import Chart, Series
from snakelm.report.numbers import fixed, plain
from snakelm.report.runs import FinishedRun, fine_tunings
from snakelm.report.scores import FIRST_INITS
from snakelm.report.sections.differences import scores_by_task
from snakelm.report.sections.pretraining import visible
from snakelm.report.story import Story

if TYPE_CHECKING:
    from pandas import DataFrame

MOST = 16
"""Tasks, at most, that are looked at."""
MOST_ERRORS = 5
MOST_LABELS = 40
MOST_POINTS = 800
CHARACTERS = 320
TEXTS = ("text", "text_pair", "question", "context", "words", "good", "bad", "choices")
"""Columns of predictions that show what a row is."""


@dataclass(frozen=True)
class Wrong:
    """A row that was predicted wrongly."""

    text: str
    gold: str
    prediction: str
    score: str
    """How sure the model was; for numbers how far it is off."""


@dataclass(frozen=True)
class Task:
    name: str
    about: str
    """Of whose predictions the errors are."""
    charts: Sequence[Chart]
    errors: Sequence[Wrong]
    by_size: bool
    """Whether the errors are sorted by their size, rather than by how sure the model was."""


@dataclass(frozen=True)
class Tasks:
    shown: Sequence[Task]
    left_out: int


def tasks(story: Story) -> Tasks:
    names = list(dict.fromkeys(one.task for one in story.main))
    scores = scores_by_task(story, names[:MOST])
    runs = _looked_at(story)
    return Tasks([_task(name, scores.get(name), runs.get(name)) for name in names[:MOST]], max(0, len(names) - MOST))


def _looked_at(story: Story) -> dict[str, FinishedRun]:
    """Task → the fine-tuning whose predictions are shown: of its first model the first seed, pretrained if there is
    such a run."""
    found: dict[str, FinishedRun] = {}
    for wanted in (*FIRST_INITS, None):
        for (_, task, init), runs in fine_tunings(story.runs).items():
            if runs and (wanted is None or init == wanted):
                found.setdefault(task, runs[0])
    return found


def _task(name: str, scores: Chart | None, run: FinishedRun | None) -> Task:
    charts = [scores] if scores else []
    table = _predictions(run.folder) if run else None
    if run is None or table is None:
        return Task(name, "", charts, [], False)
    about = f"{run.subject.model}, {run.subject.init}, seed {run.subject.seed}"
    if _is_number(table):
        return Task(name, about, [*charts, _scatter(name, about, table)], _largest_errors(table), True)
    if _is_label(table):
        return Task(name, about, [*charts, _balance(name, about, table)], _surest_errors(table), False)
    return Task(name, about, charts, [], False)


def _predictions(folder: Path) -> DataFrame | None:
    """The test's predictions; None where there are none with a gold answer."""
    import pandas

    file = folder / "predictions.parquet"
    if not file.is_file():
        return None
    try:
        table = pandas.read_parquet(file)
    except (OSError, ValueError):  # pyarrow's errors are ValueErrors
        return None
    return table if {"gold", "prediction"} <= set(table.columns) and len(table) else None


def _is_number(table: DataFrame) -> bool:
    return all(table[name].dtype.kind == "f" for name in ("gold", "prediction"))


def _is_label(table: DataFrame) -> bool:
    return all(isinstance(value, (str, int)) for name in ("gold", "prediction") for value in table[name])


def _balance(task: str, about: str, table: DataFrame) -> Chart:
    """How often each label is right and how often it is predicted."""
    gold, predicted = (Counter(map(str, table[name])) for name in ("gold", "prediction"))
    labels = [label for label, _ in (gold + predicted).most_common(MOST_LABELS)]
    if len(labels) <= MOST_LABELS and set(labels) == set(gold | predicted):
        labels = sorted(labels)
    series = tuple(
        Series(name, range(len(labels)), [counts[label] for label in labels], place)
        for place, (name, counts) in enumerate((("in the test", gold), ("predicted", predicted)))
    )
    title = f"Labels of {task}: rows of the test that have each, and rows for which it is predicted ({about})"
    return Chart("bars", "Label balance", title, series, "test rows", names=tuple(visible(label) for label in labels))


def _scatter(task: str, about: str, table: DataFrame) -> Chart:
    """Predicted over true values; of a large test every so manyth row."""
    step = -(-len(table) // MOST_POINTS)
    gold, predicted = (table[name].tolist()[::step] for name in ("gold", "prediction"))
    title = f"{task}: predicted and true values of {len(gold)} test rows ({about}); exact predictions lie on the line"
    return Chart(
        "points",
        "Predicted and true values",
        title,
        (Series("test rows", gold, predicted),),
        "true value",
        "prediction",
        diagonal=True,
        legend=False,
    )


def _surest_errors(table: DataFrame) -> list[Wrong]:
    wrong = table[table["gold"].astype(str) != table["prediction"].astype(str)]
    sure = "score" in wrong and wrong["score"].dtype.kind == "f"
    if sure:
        wrong = wrong.sort_values("score", ascending=False, kind="stable")
    return [_wrong(row, fixed(row["score"], 3) if sure else "") for row in wrong.head(MOST_ERRORS).to_dict("records")]


def _largest_errors(table: DataFrame) -> list[Wrong]:
    sizes = (table["prediction"] - table["gold"]).abs().sort_values(ascending=False, kind="stable")
    rows = table.loc[sizes.index[:MOST_ERRORS]].to_dict("records")
    return [_wrong(row, plain(float(row["prediction"] - row["gold"]))) for row in rows]


def _wrong(row: Any, score: str) -> Wrong:
    parts = []
    for name in TEXTS:
        value = row.get(name)
        if value is not None:
            parts.append(value if isinstance(value, str) else " ".join(map(str, value)))
    text = visible(" ⏎ ".join(parts))
    text = text[:CHARACTERS] + ("…" if len(text) > CHARACTERS else "")
    return Wrong(text, visible(plain(row["gold"])), visible(plain(row["prediction"])), score)
