"""The part of a recipe that one model or tokenizer is made from, as YAML that can be shown to strangers.

It is made from the checked recipe, so sweeps and merged files are written out; keys that were not written are left out.
An absolute path says where things are on somebody's machine: of those the last part alone is shown.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from snakelm.core.config import Config
from snakelm.recipe.schema import Recipe
from snakelm.runs.records import Subject


def recipe_text(recipe: Recipe, subject: Subject) -> str:
    """The entries that a run with this subject is made from."""
    models = _models(recipe, subject.model)
    tasks = [subject.task] if subject.task in recipe.tasks else []
    tokenizers = [subject.tokenizer, *(recipe.models[model].tokenizer for model in models)]
    corpora = corpora_of(recipe, subject)
    sections: dict[str, dict[str, Any]] = {
        "corpora": {name: recipe.corpora[name] for name in corpora},
        "tokenizers": {name: recipe.tokenizers[name] for name in dict.fromkeys(tokenizers) if name},
        "models": {name: recipe.models[name] for name in models},
        "tasks": {name: recipe.tasks[name] for name in tasks},
    }
    whole: dict[str, Any] = {
        section: {name: _plain(entry) for name, entry in entries.items()}
        for section, entries in sections.items()
        if entries
    }
    if tasks:
        start = {"init": [subject.init]}
        whole["experiments"] = [{"model": subject.model, "tasks": subject.task, "seeds": [subject.seed], **start}]
    if recipe.plugins:
        whole["plugins"] = list(recipe.plugins)
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # five times as fast, where it is there
    return str(yaml.dump(_shown(whole), Dumper=dumper, sort_keys=False, allow_unicode=True, width=100))


def corpora_of(recipe: Recipe, subject: Subject) -> list[str]:
    """The corpora whose text a model or tokenizer has learnt from, or whose documents are its task's rows."""
    tokenizers = [subject.tokenizer] if subject.tokenizer else []
    found = []
    if subject.init == "random":
        tokenizers.append(recipe.models[subject.model].tokenizer)
    for model in _models(recipe, subject.model) if subject.init in ("", "pretrained") else []:
        found.append(recipe.models[model].corpus)
        tokenizers.append(recipe.models[model].tokenizer)
    found += [corpus for name in tokenizers if (corpus := recipe.tokenizers[name].corpus)]
    if subject.task in recipe.tasks and (corpus := recipe.tasks[subject.task].corpus):
        found.append(corpus)
    return list(dict.fromkeys(found))


def _models(recipe: Recipe, name: str) -> list[str]:
    """A model and the entries whose training it goes on with, those first."""
    found: list[str] = []
    while name and name not in found:
        found.insert(0, name)
        name = recipe.start_of(name) or ""
    return found


def _plain(entry: Config) -> dict[str, Any]:
    return dict(entry.model_dump(mode="json", exclude_unset=True))


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        left_out = {"lock"} if {"url", "hub"} & value.keys() else set()  # it is filled in, and strangers do not have it
        return {key: _shown(item) for key, item in value.items() if key not in left_out}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return shown_path(value) if isinstance(value, str) else value


def shown_path(text: str) -> str:
    """An absolute path as strangers may see it: from the working directory on, or its last part alone. Any other text
    as it is."""
    if not text.startswith(("/", "~")) or "\n" in text or len(text) == 1:
        return text
    path = Path(text)
    return path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else f"…/{path.name}"


def command_of(files: Sequence[str], overrides: Mapping[str, Any]) -> list[str]:
    """The command that makes a recipe, as strangers may see it."""
    command = ["snakelm", "run"]
    if files:
        command += ["--configfile", *(shlex.quote(shown_path(file)) for file in files)]
    if overrides:
        shown = {key: _shown(value) for key, value in overrides.items()}
        values = {
            key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for key, value in shown.items()
        }
        command += ["--config", *(shlex.quote(f"{key}={value}") for key, value in values.items())]
    return command
