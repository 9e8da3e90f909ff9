"""Translation."""

from __future__ import annotations

from snakelm.metrics.generation import translation, translation_without
from snakelm.tasks.config import task_types
from snakelm.tasks.generation import Generation
from snakelm.tasks.metrics import Metrics


@task_types.register("translation")
class Translation(Generation):
    """A text and its translation."""

    metrics = Metrics(
        translation, ("bleu", "chrf", "ter"), lower_is_better=frozenset({"ter"}), without=translation_without
    )
