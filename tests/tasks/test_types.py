"""What task types declare, and that each is alone in its file: for the code of its runs, and for the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from snakelm.runs.code import CodeDigests
from snakelm.tasks.config import TaskConfig, task_types
from snakelm.tasks.table import update

TYPES = sorted(task_types.classes())
PACKAGE = "snakelm.tasks.types"
ROOT = Path(__file__).parents[2]


def modules(stage: str, *task_types: str) -> set[str]:
    """The modules whose code counts for runs of a stage, of certain types."""
    return set(CodeDigests().modules(stage, tuple(f"{PACKAGE}.{name}" for name in task_types)))


@pytest.mark.parametrize("stage", ["finetune", "evaluate", "pretrain", "report"])
def test_no_stage_imports_a_type(stage):
    assert not {name for name in modules(stage) if name.startswith(PACKAGE)}


@pytest.mark.parametrize("task_type", TYPES)
def test_a_type_needs_no_other_and_no_stage(task_type):
    assert task_types.get(task_type).__module__ == f"{PACKAGE}.{task_type}"
    found = modules("evaluate", task_type) - modules("evaluate")
    assert {name for name in found if name.startswith(f"{PACKAGE}.")} == {f"{PACKAGE}.{task_type}"}
    packages = {name.split(".")[1] for name in found if name.count(".")}
    assert packages <= {"architectures", "metrics", "readers", "statistics", "tasks", "training"}, packages


def test_what_only_some_types_need_counts_for_those_only():
    def users(module: str) -> set[str]:
        return {task_type for task_type in TYPES if module in modules("evaluate", task_type)}

    assert users("snakelm.tasks.tagging") == users("snakelm.metrics.tags") == {"token_classification"}
    assert users("snakelm.tasks.likelihood") == {"language_modeling", "minimal_pairs"}
    assert users("snakelm.tasks.generation") == {"summarization", "translation"}
    assert users("snakelm.metrics.regression") == {"regression"}
    assert users("snakelm.tasks.learner") == set(TYPES)


@pytest.mark.parametrize("task_type", TYPES)
def test_declarations_are_whole(task_type):
    cls = task_types.get(task_type)
    assert cls.__doc__.splitlines()[0].endswith(".")
    assert cls.metrics.lower_is_better <= set(cls.metrics.names)
    assert bool(cls.needs) == (set(cls.networks) != set(TaskConfig.networks))
    for name, field in cls.model_fields.items():
        assert field.description[0].isupper() and field.description.endswith("."), f"{name}: {field.description}"


@pytest.mark.parametrize("task_type", TYPES)
def test_keys_of_other_types_are_unknown(task_type):
    cls = task_types.get(task_type)
    entry = {"type": task_type, "test" if not cls.trains else "data": {"files": "a.csv"}}
    others = {key for other in task_types.classes().values() for key in other.model_fields} - cls.model_fields.keys()
    for key in others:
        with pytest.raises(ValidationError) as error:
            task_types.validate(entry | {key: 1})
        assert [(item["loc"], item["type"]) for item in error.value.errors()] == [((key,), "extra_forbidden")]
    assert type(task_types.validate(entry)) is cls


def test_a_class_is_of_its_own_type_only():
    with pytest.raises(ValueError, match="regression is another type than TextClassification"):
        task_types.get("text_classification")(type="regression", data={"files": "a.csv"})
    with pytest.raises(ValueError, match=r"unknown task type 'regresion'; did you mean regression\?"):
        task_types.validate({"type": "regresion"})


def test_training_has_one_vocabulary():
    """Renamed keys are told of by their new names; the rest is the vocabulary of pretraining."""
    task = task_types.validate({"type": "regression", "data": {"files": "a.csv"}})
    assert set(TaskConfig.renamed.values()) <= TaskConfig.model_fields.keys()
    assert not TaskConfig.renamed.keys() & TaskConfig.model_fields.keys()
    defaults = (task.epochs, task.steps, task.warmup, task.learning_rate, task.batch_size, task.keep, task.patience)
    assert defaults == (3.0, None, 0.1, 5e-5, 16, "best", None)
    assert (task.adam_beta1, task.adam_beta2, task.weight_decay, task.max_grad_norm) == (0.9, 0.999, 0.01, 1.0)


@pytest.mark.parametrize("page", ["README.md", "docs/tasks.md"])
def test_the_table_of_types_is_in_step(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert update(text) == text, "run `make docs`"
