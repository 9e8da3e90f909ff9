"""One fine-tuning: a task, the weights to begin with or a baseline, and a seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, PlainValidator, SerializeAsAny, model_validator

from snakelm.architectures.config import ArchitectureConfig
from snakelm.core.config import Config, View, outside
from snakelm.tasks.config import TaskConfig, task_types


class FinetuneConfig(Config):
    """One fine-tuning run."""

    task: Annotated[SerializeAsAny[TaskConfig], PlainValidator(task_types.validate)] = Field(description="The task.")
    init: str = outside(
        "pretrained",
        description="Weights to begin with: pretrained (the recipe's model), random (the same architecture untrained),"
        " or a folder or Hub name.",
    )
    baseline: str | None = Field(None, description="A baseline without a network, such as majority, instead of init.")
    seed: int = Field(0, description="Seed of the head, the order of rows and dropout.", ge=0)
    architecture: ArchitectureConfig | None = Field(None, description="The network to build where init is random.")

    def view(self, view: View) -> dict[str, Any]:
        values = super().view(view)
        if self.baseline is not None:
            return identity_of_baseline(self.baseline, self.task, values["task"])
        return values

    @model_validator(mode="after")
    def _has_baseline(self) -> FinetuneConfig:
        if self.baseline is not None and (problems := self.task.check_baseline(self.baseline)):
            raise ValueError(problems[0])
        return self

    @property
    def label(self) -> str:
        """What the run begins with, as reports call it: the baseline or the init."""
        return self.baseline or self.init


def identity_of_baseline(baseline: str, task: TaskConfig, of_task: Mapping[str, Any]) -> dict[str, Any]:
    """What of a fine-tuning enters the id where it is a baseline: no seed, no weights, and of the task (`of_task`: its
    identity) what the baseline uses."""
    unused = task.unused_by(baseline)
    return {"baseline": baseline, "task": {name: value for name, value in of_task.items() if name not in unused}}
