"""config/README.md and the JSON schema, made from the config models (`make docs`); a test keeps them in step."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import models_json_schema
from pydantic_core import PydanticUndefined

from snakelm.core.config import Config, is_circumstance, reference_of
from snakelm.core.registry import Registry
from snakelm.evaluate.config import EvaluateConfig
from snakelm.fetch_corpus.steps import cleaning_steps
from snakelm.recipe.schema import ExperimentConfig, Recipe, Resources
from snakelm.recipe.sections import SECTIONS
from snakelm.recipe.sweep import SWEPT
from snakelm.report.config import ReportConfig
from snakelm.tasks import table as task_table

INTRODUCTION = """\
# The recipe: every key

*Made by `make docs` from the config models; do not edit.*

A recipe is a YAML file with the maps `corpora`, `tokenizers`, `models` and `tasks`, and a list `experiments` that
joins them. Names are yours (letters, digits, `_`, `-`). Unknown keys are refused. Several files may be given with
`--configfile a.yaml b.yaml`: they are merged in order. Keys that begin with `x-` or `.` hold YAML anchors.

A key marked ○ is a *runtime setting*: it cannot change a result, and changing it makes nothing stale. Every other key
is part of the identity of the runs of its stage: a change makes new runs of that stage and of all below it.

## `sweep`

An entry of `tokenizers`, `models` or `tasks` may have a key `sweep`: a map from keys of the entry to lists of values.
It becomes one entry for each combination, named after its values; lists under `zip` are paired instead of crossed.
Where an experiment or another entry names the swept one, it means all of them.

```yaml
models:
  tiny:
    layers: 2
    sweep:
      learning_rate: [1e-3, 3e-3]
      zip: {hidden_size: [64, 128], heads: [2, 4]}   # tiny-learning_rate=0.001-hidden_size=64-heads=2 and 3 more
```
"""

INTRODUCED: dict[str, str] = {
    "corpora": "Texts. Stage `fetch_corpus`.",
    "tokenizers": "Tokenizers. Stages `train_tokenizer` and, for `save`, `save_tokenizer`.",
    "models": "Models to pretrain. Stages `pretrain` and, for `encode`, `encode_corpus`.",
    "tasks": "Downstream tasks. Stage `finetune`.",
}
PARTS: dict[str, Registry[Any]] = {"clean": cleaning_steps}
"""Keys that hold a list of variants → the variants."""
FURTHER: list[tuple[str, type[BaseModel], str]] = [
    ("experiments", ExperimentConfig, "A list: which models are fine-tuned on which tasks, from what, how often."),
    ("evaluate", EvaluateConfig, "How predictions are judged. Stage `evaluate`."),
    ("report", ReportConfig, "The report. Stage `report`."),
    ("resources", Resources, "A map from stage to what its jobs ask for, as `resources: {pretrain: {gpus: 1}}`."),
]


def readme() -> str:
    """The whole of config/README.md."""
    parts = [INTRODUCTION, "## Top level\n", table(Recipe)]
    for name, section in SECTIONS.items():
        parts += [f"## `{name}`\n", INTRODUCED[name] + "\n"]
        if isinstance(section.reader, Registry):
            parts += _variants(name, section.reader)
        else:
            parts += [table(section.reader), *_nested(name, section.reader)]
            parts += _parts(name, section.reader)
    for name, model, text in FURTHER:
        parts += [f"## `{name}`\n", text + "\n", table(model), *_nested(name, model)]
    return "\n".join(parts)


def _variants(name: str, registry: Registry[Config]) -> Iterator[str]:
    """What all variants have in common, then what each has of its own."""
    common = registry.base.model_fields
    yield table(registry.base)
    yield from _nested(name, registry.base)
    for variant, model in registry.classes().items():
        own = {key: field for key, field in model.model_fields.items() if not _is_same(field, common.get(key))}
        yield f"### `{name}`: `{registry.key}: {variant}`\n"
        yield f"{_first_line(model)}\n"
        if own:
            yield table(model, own)


def _parts(name: str, model: type[BaseModel]) -> Iterator[str]:
    """What each variant of a part of an entry, such as a step that cleans a corpus, has of its own."""
    for key, registry in PARTS.items():
        if key not in model.model_fields:
            continue
        for variant, each in registry.classes().items():
            own = {key: field for key, field in each.model_fields.items() if key not in registry.base.model_fields}
            yield f"### `{name}`: `{key}`: `{registry.key}: {variant}`\n"
            yield f"{_first_line(each)}\n"
            if own:
                yield table(each, own)


def _is_same(field: FieldInfo, other: FieldInfo | None) -> bool:
    return other is not None and (field.annotation, field.default, field.description) == (
        other.annotation,
        other.default,
        other.description,
    )


def _nested(name: str, model: type[BaseModel]) -> Iterator[str]:
    for inner, nested in nested_models(model):
        own = {
            key: field for key, field in nested.model_fields.items() if not _is_same(field, model.model_fields.get(key))
        }
        shared = [f"`{key}`" for key in nested.model_fields if key not in own]
        too = f" It has these keys of the entry too: {', '.join(shared)}." if shared else ""
        yield from (f"### `{name}`: `{inner}`\n", f"{_first_line(nested)}{too}\n", table(nested, own))


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


def schema() -> str:
    """The recipe's JSON schema, for editors."""
    whole = Recipe.model_json_schema()
    classes = [each for section in SECTIONS.values() for each in section.classes]
    references, definitions = models_json_schema([(each, "validation") for each in classes])
    whole["$defs"] |= definitions["$defs"]
    sweep = {"type": "object", "description": "Lists of values for keys of this entry: one entry per combination."}
    for name, section in SECTIONS.items():
        entries = [references[each, "validation"] for each in section.classes]
        by_name = whole["properties"][name]["patternProperties"]
        by_name.update(dict.fromkeys(by_name, entries[0] if len(entries) == 1 else {"anyOf": entries}))
        if isinstance(section.reader, Registry):
            for variant, each in section.reader.classes().items():
                definition = whole["$defs"][each.__name__]["properties"]
                definition[section.reader.key] = {"const": variant, "description": f"The {section.reader.what}."}
        for each in section.classes:
            for key, registry in PARTS.items():
                if key in each.model_fields:
                    steps = [{"enum": list(registry)}, *_with_names(registry, whole["$defs"])]
                    for definition in whole["$defs"].values():
                        if key in definition.get("properties", {}):
                            definition["properties"][key]["items"] = {"anyOf": steps}
        if name in SWEPT:
            for each in section.classes:
                whole["$defs"][each.__name__]["properties"]["sweep"] = sweep
    whole["patternProperties"] = {HOLDS_ANCHORS: True}
    return json.dumps(_with_words(whole), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


HOLDS_ANCHORS = r"^(x-|\.)"
"""Top-level keys that `recipe.parsing` passes over."""


def _with_words(value: Any) -> Any:
    """A schema that takes the words for true and false which the reader takes, and an editor reads as text."""
    if isinstance(value, list):
        return [_with_words(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "boolean":
        value = {**value, "type": ["boolean", "string"], "pattern": "^([Yy]es|YES|[Nn]o|NO|[Oo]n|ON|[Oo]ff|OFF)$"}
    return {key: _with_words(item) for key, item in value.items()}


def _with_names(registry: Registry[Any], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """References to the variants of a registry, whose schemas are added to the definitions."""
    classes = registry.classes()
    references, found = models_json_schema([(each, "validation") for each in classes.values()])
    definitions |= found["$defs"]
    for variant, each in classes.items():
        definitions[each.__name__]["properties"][registry.key] = {"const": variant, "description": "The step."}
    return [references[each, "validation"] for each in classes.values()]


def table(model: type[BaseModel], fields: Mapping[str, FieldInfo] | None = None) -> str:
    """The keys of a config, or those given, as a Markdown table."""
    lines = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in (fields or model.model_fields).items():
        mark = " ○" if is_circumstance(field) else ""
        description = " ".join((field.description or "").split())
        if target := reference_of(field):
            description += f" (a name in `{target}`)"
        cells = [f"`{name}`{mark}", type_name(field.annotation) + limits(field), default(field), description]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def nested_models(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """(key, model) of each map inside an entry, each model once."""
    if model is Recipe:
        return
    seen: set[type[BaseModel]] = set()
    for name, field in model.model_fields.items():
        for nested in models_in(field.annotation):
            if nested not in seen:
                seen.add(nested)
                yield name, nested


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from models_in(argument)


def type_name(annotation: Any) -> str:
    """A type as a person would say it: 'int', 'str or null', 'list of int', '`a` or `b`'."""
    if annotation is None or annotation is type(None):
        return "null"
    if annotation is Any or getattr(annotation, "__name__", "") == "JsonValue":
        return "anything"
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (list, tuple) or annotation in (list, tuple):
        inner = [argument for argument in arguments if argument is not Ellipsis]
        return f"list of {type_name(inner[0])}" if inner else "list"
    if origin is dict:
        return f"map to {type_name(arguments[1])}"
    if origin is typing.Annotated:
        return type_name(arguments[0])
    if arguments:
        return " or ".join(dict.fromkeys(type_name(argument) for argument in arguments))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "map"
    return {"str": "text", "float": "number", "int": "whole number", "bool": "true or false"}.get(
        getattr(annotation, "__name__", ""), str(getattr(annotation, "__name__", annotation))
    )


def limits(field: Any) -> str:
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
    found = [
        f"{sign} {getattr(item, name)}"
        for item in field.metadata
        for name, sign in signs.items()
        if getattr(item, name, None) is not None
    ]
    return f" ({', '.join(found)})" if found else ""


def default(field: Any) -> str:
    if field.is_required():
        return "*required*"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return ""
    if isinstance(value, BaseModel):
        changed = value.model_dump(mode="json", exclude_defaults=True)
        return f"`{json.dumps(changed)}`" if changed else ""
    if isinstance(value, tuple):
        value = list(value)
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def write(root: Path) -> None:
    (root / "config" / "README.md").write_text(readme(), encoding="utf-8")
    folder = root / "workflow" / "schemas"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.schema.json").write_text(schema(), encoding="utf-8")
    for page in (root / "README.md", root / "docs" / "tasks.md"):
        page.write_text(task_table.update(page.read_text(encoding="utf-8")), encoding="utf-8")
