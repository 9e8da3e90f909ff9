"""The part of a recipe that one model or tokenizer is made from, as YAML that can be shown to strangers.

It is made from the checked recipe, so sweeps and merged files are written out; keys that were not written are left out.
An absolute path says where things are on somebody's machine: of those the last part alone is shown.
"""

from __future__ import annotations

from typing import Any

from snakelm.core.config import Config
from snakelm.recipe.command import as_yaml
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
    return as_yaml(whole)


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
