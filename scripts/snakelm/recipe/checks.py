"""What no entry of a recipe can know alone: references, and combinations that cannot work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from snakelm.core.config import reference_of
from snakelm.core.errors import UserError, did_you_mean
from snakelm.pretrain.config import check as check_model
from snakelm.tasks.baselines import BASELINES
from snakelm.tasks.config import one_device
from snakelm.train_tokenizer.config import TokenizerConfig, check_for_model

if TYPE_CHECKING:
    from snakelm.recipe.schema import Recipe

Path = list[str | int]
MAPS = ("corpora", "tokenizers", "models", "tasks")


def check(recipe: Recipe) -> Iterator[tuple[Path, str]]:
    """Yield (key path, what is wrong and what to do) for every combination that cannot work; references are sound."""
    if not any(getattr(recipe, name) for name in MAPS):
        yield [], f"is empty; give it {', '.join(MAPS)}"
    for name, tokenizer in recipe.tokenizers.items():
        yield from _components(name, tokenizer)
    for name, model in recipe.models.items():
        tokenizer = recipe.tokenizers[model.tokenizer]
        for line in check_for_model(tokenizer, model.objective, model.architecture):
            yield ["models", name, "tokenizer"], f"tokenizer {model.tokenizer} has {line}"
        for line in check_model(model, recipe.corpora[model.corpus].splits()):
            yield ["models", name], line
    if (gpus := recipe.resources_of("finetune")["gpus"]) > 1:
        yield ["resources", "finetune", "gpus"], one_device(gpus)
    for index, experiment in enumerate(recipe.experiments):
        yield from _experiment(recipe, ["experiments", index], experiment)


def _components(name: str, tokenizer: TokenizerConfig) -> Iterator[tuple[Path, str]]:
    """What a tokenizer is composed of by hand is put together once, untrained: slips show before any job runs."""
    if tokenizer.existing is None and (least := tokenizer.smallest_size()) > tokenizer.vocab_size:
        small = f"{tokenizer.vocab_size:,} is too small: special tokens and alphabet alone are {least:,}; give more"
        yield ["tokenizers", name, "vocab_size"], small
    options = {"special_tokens", "unk_token", "template_single", "template_pair"}
    by_hand = tokenizer.kind == "custom" or tokenizer.family == "none" or tokenizer.changed() & options
    if tokenizer.existing is not None or not by_hand:
        return
    from snakelm.train_tokenizer.kinds import untrained
    from snakelm.train_tokenizer.templates import check_template

    try:
        untrained(tokenizer, "")
        check_template(tokenizer, "")
    except UserError as error:
        for line in error.lines:
            place, _, text = line.partition(": ")
            yield ["tokenizers", name, *([place.removeprefix(".")] if place else [])], text


def references(data: dict[str, Any], entries: dict[str, type[BaseModel]]) -> Iterator[tuple[Path, str]]:
    """Names in a raw recipe that lead nowhere; what is not even well-formed is passed over (others complain of it)."""

    def names(section: str) -> dict[str, Any]:
        value = data.get(section)
        return value if isinstance(value, dict) else {}

    for section, entry_type in entries.items():
        targets = {key: target for key, field in entry_type.model_fields.items() if (target := reference_of(field))}
        for name, entry in names(section).items():
            for key, target in targets.items():
                value = entry.get(key) if isinstance(entry, dict) else None
                if isinstance(value, str) and value not in names(target):
                    yield [section, name, key], f"no {_one(target)} {value!r}{_nearest(value, names(target), target)}"
    experiments = data.get("experiments")
    for index, experiment in enumerate(experiments if isinstance(experiments, list) else []):
        for key, target in (("model", "models"), ("tasks", "tasks")):
            value = experiment.get(key) if isinstance(experiment, dict) else None
            for name in value if isinstance(value, list) else [value]:
                if isinstance(name, str) and name not in names(target):
                    yield (
                        ["experiments", index, key],
                        f"no {_one(target)} {name!r}{_nearest(name, names(target), target)}",
                    )


def _experiment(recipe: Recipe, path: Path, experiment: Any) -> Iterator[tuple[Path, str]]:
    for model_name in experiment.models:
        for task_name in experiment.task_names:
            model, task = recipe.models[model_name], recipe.tasks[task_name]
            for init in experiment.init:
                problems = []
                if init in BASELINES:
                    problems = task.check_baseline(init)
                elif init in ("pretrained", "random"):
                    longest = model.positions or model.sequence_length
                    problems = task.check_model(model.architecture, model.objective, longest)
                for line in problems:
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
