"""What the recipe may say about its report."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from snakelm.core.config import Config, circumstance


class ReportConfig(Config):
    """How the results are presented; nothing here changes a run."""

    title: str = Field("", max_length=200, description="Heading of the page; empty: the name of the recipe.")
    description: str = Field("", description="Paragraph below the heading, such as the question and the data.")
    sample_characters: int = Field(
        1200, ge=0, description="Maximum length of each model's samples on the page, in characters; 0 leaves them out."
    )


class AbsentCell(Config):
    """A cell that the recipe asks for and that has no result (yet)."""

    model: str = Field(description="Entry of the model.")
    task: str = Field(description="Entry of the task.")
    init: str = Field(description="What the fine-tuning starts from, or the baseline.")
    swept: dict[str, dict[str, Any]] = Field({}, description="Section of the recipe and the keys that a sweep set.")
    failed: bool = circumstance(False, description="Whether a job that it needs has failed, rather than not been run.")

    @property
    def status(self) -> str:
        return "failed" if self.failed else "missing"


class ReportRunConfig(ReportConfig):
    """One report: how results are presented, and what of the recipe has none."""

    absent: list[AbsentCell] = Field([], description="The cells without a result.")
    command: str = circumstance("", description="The command that makes the report, with every file and override.")
    recipe: str = circumstance("", description="The whole recipe as YAML.")
