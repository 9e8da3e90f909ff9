"""What the recipe may say about its report."""

from __future__ import annotations

from pydantic import Field

from snakelm.core.config import Config


class ReportConfig(Config):
    """How the results are presented; nothing here changes a run."""

    title: str = Field("", max_length=200, description="Heading of the page; empty takes the recipe's name.")
    description: str = Field("", description="A paragraph below the heading: what was asked, on which text.")
    sample_characters: int = Field(
        1200, ge=0, description="How much of each model's samples the page shows, in characters; 0 leaves them out."
    )
