"""Summarization."""

from __future__ import annotations

from snakelm.metrics.generation import summarization, summarization_without
from snakelm.tasks.config import task_types
from snakelm.tasks.generation import Generation
from snakelm.tasks.metrics import Metrics


@task_types.register("summarization")
class Summarization(Generation):
    """A text and its summary."""

    metrics = Metrics(summarization, ("rougeL", "rouge1", "rouge2", "rougeLsum"), without=summarization_without)
