"""What the recipe may say about its report."""

from __future__ import annotations

from pydantic import Field

from snakelm.core.config import Config


class ReportConfig(Config):
    """How the results are presented; nothing here changes a run."""

    title: str = Field("", max_length=200, description="Heading of the page; empty: the name of the recipe.")
    description: str = Field("", description="Paragraph below the heading, such as the question and the data.")
    sample_characters: int = Field(
        1200, ge=0, description="Maximum length of each model's samples on the page, in characters; 0 leaves them out."
    )
