"""config/README.md and the JSON schema, made from the config models (`make docs`); a test keeps them in step."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from snakelm.core.config import is_circumstance, reference_of
from snakelm.recipe.schema import ENTRIES, ExperimentConfig, Recipe, Resources
from snakelm.recipe.sweep import SWEPT
from snakelm.tasks import table as task_table

INTRODUCTION = """\
# The recipe: every key

*Made by `make docs` from the config models; do not edit.*

A recipe is a YAML file with the maps `corpora`, `tokenizers`, `models` and `tasks`, and a list `experiments` that
joins them. Names are yours (letters, digits, `_`, `-`). Unknown keys are refused. Several files may be given with
`--configfile a.yaml b.yaml`: they are merged in order. Keys that begin with `x-` or `.` hold YAML anchors.

A key marked ○ is a *circumstance*: it cannot change a result, and changing it makes nothing stale. Every other key is
part of the identity of the runs of its stage: a change makes new runs of that stage and of all below it.

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

SECTIONS: list[tuple[str, type[BaseModel], str]] = [
    ("corpora", ENTRIES["corpora"], "Texts. Stage `fetch_corpus`."),
    ("tokenizers", ENTRIES["tokenizers"], "Tokenizers. Stages `train_tokenizer` and, for `save`, `save_tokenizer`."),
    ("models", ENTRIES["models"], "Models to pretrain. Stages `pretrain` and, for `encode`, `encode_corpus`."),
    ("tasks", ENTRIES["tasks"], "Downstream tasks. Stage `finetune`."),
    ("experiments", ExperimentConfig, "A list: which models are fine-tuned on which tasks, from what, how often."),
    ("evaluate", Recipe.model_fields["evaluate"].annotation, "How predictions are judged. Stage `evaluate`."),  # type: ignore[list-item]
    ("report", Recipe.model_fields["report"].annotation, "The report. Stage `report`."),  # type: ignore[list-item]
    ("resources", Resources, "A map from stage to what its jobs ask for, as `resources: {pretrain: {gpus: 1}}`."),
]


def readme() -> str:
    """The whole of config/README.md."""
    parts = [INTRODUCTION, "## Top level\n", table(Recipe)]
    for name, model, text in SECTIONS:
        parts += [f"## `{name}`\n", text + "\n", table(model)]
        for inner, nested in nested_models(model):
            parts += [
                f"### `{name}`: `{inner}`\n",
                f"{(nested.__doc__ or '').strip().splitlines()[0]}\n",
                table(nested),
            ]
    return "\n".join(parts)


def schema() -> str:
    """The recipe's JSON schema, for editors."""
    whole = Recipe.model_json_schema()
    sweep = {"type": "object", "description": "Lists of values for keys of this entry: one entry per combination."}
    for section in SWEPT:
        name = ENTRIES[section].__name__
        whole["$defs"][name]["properties"]["sweep"] = sweep
    return json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def table(model: type[BaseModel]) -> str:
    lines = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in model.model_fields.items():
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
