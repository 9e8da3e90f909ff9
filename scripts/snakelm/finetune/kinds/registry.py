"""Task type → its kind; each module is imported when it is needed."""

from __future__ import annotations

from snakelm.finetune.kinds.base import Kind


def kind_of(task_type: str) -> type[Kind]:
    """The class that does this type of task. (Plain imports, so that the code counts in a run's identity.)"""
    match task_type:
        case "text_classification":
            from snakelm.finetune.kinds.sequence import TextClassification as found
        case "regression":
            from snakelm.finetune.kinds.sequence import Regression as found
        case "token_classification":
            from snakelm.finetune.kinds.tokens import TokenClassification as found
        case _:
            raise NotImplementedError(task_type)
    return found
