"""How predictions are judged."""

from __future__ import annotations

from pydantic import Field

from snakelm.config import Config


class EvaluateConfig(Config):
    """How predictions are judged."""

    confidence: float = Field(0.95, description="Confidence of the intervals over seeds.", gt=0, lt=1)
