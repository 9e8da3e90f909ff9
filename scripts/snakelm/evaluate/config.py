"""What a recipe may say about the evaluation of a cell (one model, task and init or baseline; all its seeds)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from snakelm.core.config import Config

Margin = Annotated[float, Field(gt=0)]


class EvaluateConfig(Config):
    """How the seeds of one cell are summed up."""

    confidence: float = Field(
        0.95, description="Confidence of the intervals over seeds and test rows, in the report too.", gt=0, lt=1
    )
    margin: Margin | dict[str, Margin] | None = Field(
        None,
        description="Largest difference that counts as none, in the metric's unit, for all metrics or by metric "
        "({accuracy: 0.01, rmse: 0.5}): a difference whose whole interval lies within it has the verdict `equivalent`.",
    )
