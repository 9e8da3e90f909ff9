"""The recipe: YAML files to typed entries, every problem found in one go.

Top level: maps `corpora`, `tokenizers`, `models`, `tasks`, a list `experiments` that joins them, and a few
settings. Several files are merged in order (maps key by key, the rest replaced), then overrides on top.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, Field, StringConstraints, ValidationError, model_validator

from snakelm.core.config import Config, circumstance
from snakelm.core.errors import UserError, did_you_mean
from snakelm.encode_corpus.config import EncodeConfig
from snakelm.evaluate.config import EvaluateConfig
from snakelm.fetch_corpus.config import CorpusConfig
from snakelm.pretrain.config import ModelConfig
from snakelm.recipe.checks import check, references
from snakelm.recipe.sweep import expand
from snakelm.report.config import ReportConfig
from snakelm.save_tokenizer.config import SaveConfig
from snakelm.tasks.config import TaskConfig, task_types
from snakelm.tokenization.families import family_of
from snakelm.train_tokenizer.config import TokenizerConfig

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.=+-]*$", max_length=80)]


class TokenizerEntry(TokenizerConfig):
    """An entry under `tokenizers`."""

    save: SaveConfig = Field(SaveConfig(), description="How the trained tokenizer is saved.")


class ModelEntry(ModelConfig):
    """An entry under `models`."""

    encode: EncodeConfig = Field(EncodeConfig(), description="How the corpus becomes token ids.")


class ExperimentConfig(Config):
    """One entry of `experiments`: every model × task × init × seed is fine-tuned and evaluated."""

    model: Name | list[Name] = Field(..., description="Model entry, or a list of them.")
    tasks: Name | list[Name] = Field(..., description="Task entry, or a list of them.")
    seeds: list[Annotated[int, Field(ge=0, lt=2**31)]] = Field(
        [1, 2, 3], description="Seeds of the fine-tunings, one run each.", min_length=1
    )
    init: list[str] = Field(
        ["pretrained", "random"],
        description="What fine-tuning starts from: `pretrained` (the recipe's model), `random` (its untrained twin), "
        "a baseline without a network (`majority`, `tfidf`), or the folder or Hub name of an outside model.",
        min_length=1,
    )

    @model_validator(mode="after")
    def _distinct(self) -> ExperimentConfig:
        for key in ("seeds", "init"):
            values = getattr(self, key)
            if len(set(values)) < len(values):
                raise ValueError(f"{key}: {values} names one twice; every seed and init is one run")
        return self

    @property
    def models(self) -> list[str]:
        return [self.model] if isinstance(self.model, str) else self.model

    @property
    def task_names(self) -> list[str]:
        return [self.tasks] if isinstance(self.tasks, str) else self.tasks


class Resources(Config):
    """What one job of a stage asks for; a key left out keeps the stage's own default. None can change a result."""

    threads: int | None = circumstance(None, description="CPU threads.", ge=1)
    mem_mb: int | None = circumstance(None, description="Memory in MB.", ge=1)
    runtime: int | None = circumstance(None, description="Time limit in minutes, on a cluster.", ge=1)
    gpus: int | None = circumstance(None, description="GPUs.", ge=0)
    partition: str | None = circumstance(None, description="SLURM partition; null: the cluster's default.")
    extra: str | None = circumstance(None, description="Further sbatch options, as they are.")


_DEFAULTS = {"threads": 1, "mem_mb": 2000, "runtime": 60, "gpus": 0, "partition": None, "extra": None}
DEFAULT_RESOURCES: dict[str, dict[str, Any]] = {
    "fetch_corpus": _DEFAULTS,
    "train_tokenizer": {**_DEFAULTS, "threads": 2, "mem_mb": 4000},
    "save_tokenizer": _DEFAULTS,
    "encode_corpus": {**_DEFAULTS, "threads": 2},
    "pretrain": {**_DEFAULTS, "threads": 2, "mem_mb": 4000, "runtime": 1440},
    "finetune": {**_DEFAULTS, "mem_mb": 4000, "runtime": 240},
    "evaluate": _DEFAULTS,
    "report": _DEFAULTS,
}
Stage = Literal[
    "fetch_corpus", "train_tokenizer", "save_tokenizer", "encode_corpus", "pretrain", "finetune", "evaluate", "report"
]


class Recipe(Config):
    """A whole recipe."""

    corpora: dict[Name, CorpusConfig] = Field({}, description="Texts to train on, by name.")
    tokenizers: dict[Name, TokenizerEntry] = Field({}, description="Tokenizers, by name.")
    models: dict[Name, ModelEntry] = Field({}, description="Models to pretrain, by name.")
    tasks: dict[Name, task_types.field] = Field({}, description="Downstream tasks, by name.")
    experiments: list[ExperimentConfig] = Field([], description="Which models are fine-tuned on which tasks.")
    evaluate: EvaluateConfig = Field(EvaluateConfig(), description="How predictions are judged.")
    report: ReportConfig = Field(ReportConfig(), description="The report.")
    on_code_change: Literal["rerun", "keep"] = circumstance(
        "rerun",
        description="What an edit to a stage's code means: `rerun` the stage and all below it, or `keep` the runs "
        "that other code made (the plan marks them).",
    )
    resources: dict[Stage, Resources] = circumstance({}, description="What the jobs of a stage ask for, by stage.")

    def resources_of(self, stage: Stage) -> dict[str, Any]:
        """threads, mem_mb, runtime, gpus, partition and extra of one job of the stage."""
        given = self.resources[stage].model_dump(exclude_none=True) if stage in self.resources else {}
        return {**DEFAULT_RESOURCES[stage], **given}


ENTRIES: dict[str, type[Config]] = {
    "corpora": CorpusConfig,
    "tokenizers": TokenizerEntry,
    "models": ModelEntry,
    "tasks": TaskConfig,
}


def load(files: Sequence[str | Path], overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Read and check a recipe; UserError lists every problem, a line each: file, key path, what to do."""
    layers = [(str(file), _read_yaml(file)) for file in files]
    if overrides:
        layers.append(("--config", dict(overrides)))
    data: dict[str, Any] = {}
    for _, layer in layers:
        data = _merge(data, layer)

    def where(path: Iterable[str | int]) -> str:
        """The last layer that holds the path, or most of it."""
        path = list(path)
        return max(enumerate(layers), key=lambda item: (_depth(item[1][1], path), item[0]))[1][0]

    expanded, problems = expand(data, ENTRIES)
    problems += references(expanded, ENTRIES)
    try:
        recipe = Recipe.model_validate(expanded)
    except ValidationError as error:
        problems += _problems(error, expanded)
    if not problems:
        recipe, problems = with_families(recipe)
        problems += check(recipe)
    if problems:
        raise UserError(*[f"{where(path)}: {dotted(path) or 'recipe'}: {text}" for path, text in problems])
    return recipe


def with_families(recipe: Recipe) -> tuple[Recipe, list[tuple[list[str | int], str]]]:
    """Give each tokenizer without a family that of the models which use it; problems where those disagree."""
    tokenizers, problems = dict(recipe.tokenizers), []
    for name, tokenizer in recipe.tokenizers.items():
        if tokenizer.family is None and tokenizer.existing is None:
            users = {
                family_of(model.architecture, model.objective): model_name
                for model_name, model in recipe.models.items()
                if model.tokenizer == name
            }
            if len(users) > 1:
                wanted = ", ".join(f"{model} wants {family}" for family, model in sorted(users.items()))
                problems.append(
                    (["tokenizers", name], f"its models need different special tokens ({wanted}); set family")
                )
            elif users:
                tokenizers[name] = tokenizer.model_copy(update={"family": next(iter(users))})
    return recipe.model_copy(update={"tokenizers": tokenizers}), problems


def dotted(path: Iterable[str | int]) -> str:
    """('models', 'tiny', 'seeds', 0) → 'models.tiny.seeds[0]'."""
    return re.sub(r"\.\[", "[", ".".join(f"[{part}]" if isinstance(part, int) else str(part) for part in path))


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML as people mean it: 1e-3 is a number, and a key given twice is an error."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+$"),
    list("-+0123456789."),
)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        if key_node.tag != "tag:yaml.org,2002:merge":
            key = loader.construct_object(key_node, deep=True)
            if not isinstance(key, (str, int, float, bool)):
                raise yaml.constructor.ConstructorError(None, None, "a key must be plain text", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands here twice; remove one", key_node.start_mark
                )
            seen.add(key)
    loader.flatten_mapping(node)
    return {
        loader.construct_object(key, deep=True): loader.construct_object(value, deep=True) for key, value in node.value
    }


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _read_yaml(file: str | Path) -> dict[str, Any]:
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{file}: no such recipe; name one with --configfile") from None
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: not UTF-8 (byte {error.start}); save it as UTF-8") from None
    try:
        data = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise UserError(f"{file}{line}: not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{file}: not valid YAML: {' '.join(str(error).split())}") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise UserError(f"{file}: a recipe is a map with the keys {', '.join(Recipe.model_fields)}")
    # Anchors have to be written somewhere: top-level keys starting with a dot or x- hold them and mean nothing.
    return {key: value for key, value in data.items() if not str(key).startswith((".", "x-"))}


def _merge(below: Any, above: Any) -> Any:
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{key: _merge(below.get(key), value) for key, value in above.items()}}


def _depth(data: Any, path: Sequence[str | int]) -> int:
    for depth, part in enumerate(path):
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return depth
    return len(path)


def _problems(error: ValidationError, data: Any) -> list[tuple[list[str | int], str]]:
    """(path, what is wrong) for each place; the branches of a union become one line."""
    found: dict[tuple[str | int, ...], list[str]] = {}
    for item in error.errors(include_url=False, include_context=True):
        path = _real_path(item["loc"], data, item["type"])
        text = _say(item, path)
        if text not in found.setdefault(tuple(path), []):
            found[tuple(path)].append(text)
    return [(list(path), " or ".join(texts)) for path, texts in found.items()]


def _real_path(loc: Sequence[str | int], data: Any, kind: str) -> list[str | int]:
    """The location without the names that pydantic gives to branches of unions."""
    path: list[str | int] = []
    for index, part in enumerate(loc):
        try:
            data = data[part]
            path.append(part)
        except (KeyError, IndexError, TypeError):
            if kind == "missing" and index == len(loc) - 1:
                path.append(part)
    return path


def _say(item: Any, path: list[str | int]) -> str:
    kind, given = item["type"], item.get("input")
    if kind == "extra_forbidden":
        return f"unknown key{did_you_mean(path[-1], _known_keys(path[:-1]))}"
    if kind == "missing":
        return "missing; give it a value"
    if kind == "value_error":
        return str(item["msg"]).removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        return f"{given!r} is no name: use letters, digits, _ - . = +"
    if kind in ("model_type", "dict_type"):
        return f"should be a map of keys, not {_shorten(given)}"
    message = str(item["msg"]).removeprefix("Input ")
    return f"{message[0].lower()}{message[1:]}, not {_shorten(given)}"


def _shorten(value: Any) -> str:
    if isinstance(value, (dict, list)):  # may hold an address with a secret
        return "a map" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _known_keys(path: Sequence[str | int]) -> list[str]:
    """The keys of the config model that stands at a path of the recipe."""
    models: list[type[BaseModel]] = [Recipe]
    for part in path:
        following: list[type[BaseModel]] = []
        for model in models:
            field = model.model_fields.get(str(part))
            if field is not None:
                following += list(_models_in(field.annotation))
        # A name in a map or a place in a list stays at the model that the map or list holds.
        models = following or models
    return sorted({name for model in models for name in model.model_fields})


def _models_in(annotation: Any) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)
