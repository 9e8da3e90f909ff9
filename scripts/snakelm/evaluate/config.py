"""What a recipe may say about the evaluation of a cell (one model, task and init or baseline; all its seeds)."""

from __future__ import annotations

from pydantic import Field

from snakelm.core.config import Config


class EvaluateConfig(Config):
    """How the seeds of one cell are summed up."""

    confidence: float = Field(
        0.95, description="Confidence of the intervals over seeds, in the report too.", gt=0, lt=1
    )
