"""What no entry of a recipe can know alone: references, and combinations that cannot work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .config import reference_of
from .errors import did_you_mean
from .finetune.config import BASELINES
from .finetune.config import check as check_task
from .train_tokenizer.config import check_for_model

if TYPE_CHECKING:
    from .recipe import Recipe

Path = list[str | int]
MAPS = ("corpora", "tokenizers", "models", "tasks")


def check(recipe: Recipe) -> Iterator[tuple[Path, str]]:
    """Yield (key path, what is wrong and what to do) for every problem of a recipe whose entries are well-formed."""
    if not any(getattr(recipe, name) for name in MAPS):
        yield [], f"is empty; give it {', '.join(MAPS)}"
    broken = list(_references(recipe))
    yield from broken
    bad = {tuple(path[:2]) for path, _ in broken}
    for name, model in recipe.models.items():
        if ("models", name) not in bad and ("tokenizers", model.tokenizer) not in bad:
            tokenizer = recipe.tokenizers[model.tokenizer]
            for line in check_for_model(tokenizer, model.objective, model.architecture):
                yield ["models", name, "tokenizer"], f"tokenizer {model.tokenizer} has {line}"
    for index, experiment in enumerate(recipe.experiments):
        yield from _experiment(recipe, ["experiments", index], experiment)


def _references(recipe: Recipe) -> Iterator[tuple[Path, str]]:
    for section in MAPS:
        for name, entry in getattr(recipe, section).items():
            for key, field in type(entry).model_fields.items():
                target, value = reference_of(field), getattr(entry, key)
                if target and value is not None and value not in (known := getattr(recipe, target)):
                    yield [section, name, key], f"no {_one(target)} {value!r}{_nearest(value, known, target)}"
    for index, experiment in enumerate(recipe.experiments):
        for key, target, names in (("model", "models", experiment.models), ("tasks", "tasks", experiment.task_names)):
            for name in names:
                if name not in (known := getattr(recipe, target)):
                    yield ["experiments", index, key], f"no {_one(target)} {name!r}{_nearest(name, known, target)}"


def _experiment(recipe: Recipe, path: Path, experiment: Any) -> Iterator[tuple[Path, str]]:
    for model_name in experiment.models:
        for task_name in experiment.task_names:
            model, task = recipe.models.get(model_name), recipe.tasks.get(task_name)
            if model is None or task is None:
                continue
            for init in experiment.init:
                for line in check_task(task, model.architecture, model.objective, init, model.positions):
                    yield [*path, "tasks"], f"{model_name} on {task_name} ({init}): {line}"
    for init in experiment.init:
        if init not in ("pretrained", "random", *BASELINES) and "/" not in init:
            # A folder or Hub name has a slash; a word without one is most likely a slip.
            known = did_you_mean(init, ["pretrained", "random", *BASELINES])
            yield [*path, "init"], f"{init!r} is no init (an outside model is written owner/name or ./folder){known}"


def _one(section: str) -> str:
    return {"corpora": "corpus"}.get(section, section.removesuffix("s"))


def _nearest(value: object, known: Any, section: str) -> str:
    return did_you_mean(value, known) or f"; {section} is empty"
