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
        case "question_answering":
            from snakelm.finetune.kinds.answers import QuestionAnswering as found
        case "multiple_choice":
            from snakelm.finetune.kinds.choices import MultipleChoice as found
        case "summarization" | "translation":
            from snakelm.finetune.kinds.generation import Generation as found
        case "language_modeling":
            from snakelm.finetune.kinds.language import LanguageModeling as found
        case "minimal_pairs":
            from snakelm.finetune.kinds.language import MinimalPairs as found
        case _:
            raise ValueError(f"there is no kind for {task_type}")
    return found
