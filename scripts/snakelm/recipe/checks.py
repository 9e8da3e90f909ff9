"""What no entry of a recipe can know alone: references, and combinations that cannot work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from snakelm.core.errors import UserError, did_you_mean
from snakelm.pretrain.config import check as check_model
from snakelm.recipe.continuing import check_start
from snakelm.recipe.families import lacks, own_family
from snakelm.recipe.limits import check_sizes
from snakelm.recipe.mixing import check_mixture
from snakelm.recipe.schema import ExperimentConfig, ModelEntry, Recipe
from snakelm.recipe.sections import SECTIONS, references_of
from snakelm.tasks.config import one_device
from snakelm.train_tokenizer.config import TokenizerConfig

Path = list[str | int]


def check(recipe: Recipe) -> Iterator[tuple[Path, str]]:
    """Yield (key path, what is wrong and what to do) for every combination that cannot work; references are sound."""
    if not any(getattr(recipe, name) for name in SECTIONS):
        yield [], f"is empty; give it {', '.join(SECTIONS)}"
    yield from check_sizes(recipe)
    for name, tokenizer in recipe.tokenizers.items():
        yield from _components(name, tokenizer)
    for name, model in recipe.models.items():
        for line in lacks(recipe.tokenizers[model.tokenizer], model):
            yield (
                ["models", name, "tokenizer"],
                f"tokenizer {model.tokenizer} has {line}{_other_families(recipe, model)}",
            )
        yield from check_start(recipe, name)
        yield from check_mixture(recipe, name)
        for line in check_model(model, recipe.corpora[model.corpus].splits()):
            yield ["models", name], line
    if (gpus := recipe.resources_of("finetune").gpus or 0) > 1:
        yield ["resources", "finetune", "gpus"], one_device(gpus)
    for index, experiment in enumerate(recipe.experiments):
        yield from _experiment(recipe, ["experiments", index], experiment)


def _other_families(recipe: Recipe, model: ModelEntry) -> str:
    """The advice to add the model's own family to those stated, where that would serve it."""
    tokenizer, own = recipe.tokenizers[model.tokenizer], own_family(model)
    stated = recipe.families_of(model.tokenizer)
    if not stated or own in stated or lacks(tokenizer.model_copy(update={"family": own}), model):
        return ""
    return f", or set tokenizers.{recipe.entry_of(model.tokenizer)}.family: [{', '.join([*stated, own])}]"


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


def references(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Names in a raw recipe that lead nowhere; what is not even well-formed is passed over (others complain of it)."""
    for section, described in SECTIONS.items():
        for name, entry in _entries(data, section).items():
            cls = described.class_of(entry)
            for key, target in references_of(cls).items() if cls else ():
                value = entry.get(key) if isinstance(entry, dict) else None
                if isinstance(value, str) and value not in _entries(data, target):
                    yield [section, name, key], _unknown(data, value, target)
    experiments = data.get("experiments")
    for index, experiment in enumerate(experiments if isinstance(experiments, list) else []):
        for key, target in (("model", "models"), ("tasks", "tasks")):
            value = experiment.get(key) if isinstance(experiment, dict) else None
            for wanted in value if isinstance(value, list) else [value]:
                if isinstance(wanted, str) and wanted not in _entries(data, target):
                    yield ["experiments", index, key], _unknown(data, wanted, target)


def _entries(data: dict[str, Any], section: str) -> dict[str, Any]:
    value = data.get(section)
    return value if isinstance(value, dict) else {}


def _unknown(data: dict[str, Any], name: str, section: str) -> str:
    nearest = did_you_mean(name, _entries(data, section)) or f"; {section} is empty"
    return f"no {SECTIONS[section].noun} {name!r}{nearest}"


def _experiment(recipe: Recipe, path: Path, experiment: ExperimentConfig) -> Iterator[tuple[Path, str]]:
    for model_name in experiment.models:
        for task_name in experiment.task_names:
            model, task = recipe.models[model_name], recipe.tasks[task_name]
            longest = model.positions or model.sequence_length
            networks = [init for init in experiment.init if init in ("pretrained", "random")]
            found = [(init, task.check_model(model.architecture, model.network, longest)) for init in networks]
            found += [(baseline, task.check_baseline(baseline)) for baseline in experiment.baselines]
            for start, lines in found:
                for line in lines:
                    yield [*path, "tasks"], f"{model_name} on {task_name} ({start}): {line}"
    for init in experiment.init:
        if init not in ("pretrained", "random") and "/" not in init:
            # A folder or Hub name has a slash; a word without one is most likely a slip.
            known = did_you_mean(init, ["pretrained", "random"])
            yield [*path, "init"], f"invalid init {init!r} (an outside model is written owner/name or ./folder){known}"
