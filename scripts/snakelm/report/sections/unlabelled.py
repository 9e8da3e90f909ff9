"""Cells whose test has no labels: they have predictions and no scores, which the report says."""

from __future__ import annotations

from collections.abc import Sequence

from snakelm.report.runs import FinishedRun, of_stage


def unlabelled(runs: Sequence[FinishedRun]) -> list[str]:
    """A line for each: "hidden (tiny, pretrained) – no labels: 9 predictions"."""
    notes = [(run.subject, run.manifest.headline.get("note")) for run in of_stage(runs, "evaluate")]
    return [f"{about.task} ({about.model}, {about.init}) – {note}" for about, note in notes if note]
