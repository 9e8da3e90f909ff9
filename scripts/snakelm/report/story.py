"""What all sections of the page tell of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from snakelm.artifacts.records import read
from snakelm.core.errors import UserError
from snakelm.metrics.details import DETAILS, Details
from snakelm.report.comparisons import Comparison, compare
from snakelm.report.config import ReportRunConfig
from snakelm.report.runs import FinishedRun, distinct, fine_tunings, of_stage, read_runs
from snakelm.report.scores import Cell, confidence_of, inits_of, read_cells
from snakelm.runs.context import RunContext


@dataclass(frozen=True, eq=False)
class Story:
    """The finished runs of a recipe and what their scores say."""

    name: str
    config: ReportRunConfig
    runs: Sequence[FinishedRun]
    cells: Sequence[Cell]
    comparisons: Sequence[Comparison]
    confidence: float

    @classmethod
    def of(cls, context: RunContext[ReportRunConfig]) -> Story:
        """UserError names a parent whose files cannot be read."""
        runs = read_runs(context.parents, context.subjects)
        cells, confidence = read_cells(runs), confidence_of(runs)
        return cls(context.name, context.config, runs, cells, compare(cells, confidence), confidence)

    @cached_property
    def inits(self) -> list[str]:
        """Inits and baselines in the order of the tables and colours."""
        return inits_of(
            [*(cell.subject.init for cell in self.cells), *(init for _, _, init in fine_tunings(self.runs))]
        )

    @cached_property
    def main(self) -> list[Comparison]:
        """The comparisons by the main metric of their task."""
        return [one for one in self.comparisons if one.main]

    @cached_property
    def by_subject(self) -> dict[tuple[str, str], list[Cell]]:
        """Model and task → its cells."""
        found: dict[tuple[str, str], list[Cell]] = {}
        for cell in self.cells:
            found.setdefault((cell.subject.model, cell.subject.task), []).append(cell)
        return found

    @cached_property
    def details(self) -> list[tuple[Cell, Details]]:
        """The cells of which more is known than scores; an evaluation by an earlier version has left nothing."""
        found = []
        for cell in self.cells:
            try:
                found.append((cell, read(Details, cell.folder / DETAILS)))
            except FileNotFoundError:
                continue
            except ValueError as error:
                reason = str(error).splitlines()[0]
                raise UserError(f"{cell.folder / DETAILS}: not readable ({reason}); make that run again") from None
        return found

    @cached_property
    def models(self) -> list[FinishedRun]:
        return self.of_stage("pretrain")

    @cached_property
    def distinct(self) -> list[FinishedRun]:
        return distinct(self.runs)

    def of_stage(self, stage: str) -> list[FinishedRun]:
        return of_stage(self.runs, stage)
