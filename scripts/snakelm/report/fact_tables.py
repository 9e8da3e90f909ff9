"""Tables of facts: headline numbers side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from snakelm.report.numbers import plain
from snakelm.report.runs import FinishedRun

FIRST_FACTS = (
    *("architecture", "objective", "parameters", "steps", "tokens", "epochs", "loss", "validation_loss"),
    *("bits_per_byte", "perplexity", "vocab_size", "documents", "words", "characters", "bytes"),
)


@dataclass(frozen=True)
class FactTable:
    """A row per thing, a column per fact that any of them has."""

    corner: str
    columns: list[str] = field(default_factory=list)
    rows: list[tuple[str, list[str]]] = field(default_factory=list)


def facts(corner: str, runs: Sequence[FinishedRun], extra: Mapping[str, dict[str, Any]] | None = None) -> FactTable:
    """The headline numbers of some runs as a table; nested values become columns of their own."""
    of_run = {run.entry: flat(run.manifest.headline) | flat((extra or {}).get(run.entry, {})) for run in runs}
    columns = in_order(column for found in of_run.values() for column in found)
    table = FactTable(corner, [column.replace("_", " ") for column in columns])
    for name, found in of_run.items():
        table.rows.append((name, [plain(found.get(column)) for column in columns]))
    return table


def in_order(columns: Iterable[str]) -> list[str]:
    """The columns without repetition, those a reader looks for first in front."""
    present = dict.fromkeys(columns)
    first = [column for column in FIRST_FACTS if column in present]
    return first + [column for column in present if column not in FIRST_FACTS]


def flat(value: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, item in value.items():
        name = f"{above} {key}".strip()
        found |= flat(item, name) if isinstance(item, dict) else {name: item}
    return found
