"""Which special tokens the tokenizers get: one entry of `tokenizers` may serve models of several families.

Each family then has a tokenizer of its own, an entry `<name>.<family>`, with the tokens, ids and templates that it has
alone: a family that is added leaves what was trained for the others as it is. What is learned from the text they share
(train_tokenizer/sharing.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from snakelm.recipe.schema import ModelEntry, Recipe, TokenizerEntry
from snakelm.tokenization.families import family_of
from snakelm.train_tokenizer.config import check_for_model

Problem = tuple[list[str | int], str]


def with_families(recipe: Recipe) -> tuple[Recipe, list[Problem]]:
    """The recipe with one family for each tokenizer, and each model with the tokenizer of its family; and problems.

    A tokenizer without a family gets those of the models which use it. A model whose family is not among those stated
    gets the first stated one that has all tokens it needs.
    """
    tokenizers: dict[str, TokenizerEntry] = {}
    models, written = dict(recipe.models), {}
    problems: list[Problem] = []
    for name, entry in recipe.tokenizers.items():
        users = {label: model for label, model in recipe.models.items() if model.tokenizer == name}
        families = _families(entry, users.values())
        if len(families) < 2:
            tokenizers[name] = entry.model_copy(update={"family": families[0]}) if families else entry
            continue
        each = {family: entry.model_copy(update={"family": family}) for family in families}
        for family, tokenizer in each.items():
            if (label := f"{name}.{family}") in recipe.tokenizers:
                problems.append(
                    (["tokenizers", label], f"is what tokenizer {name} of family {family} is called; rename it")
                )
            tokenizers[label], written[label] = tokenizer, name
        for label, model in users.items():
            models[label] = model.model_copy(update={"tokenizer": f"{name}.{_family_for(model, each)}"})
    found = recipe.model_copy(update={"tokenizers": tokenizers, "models": models})
    found._written.update(written)
    found._swept.update({("tokenizers", label): recipe.swept("tokenizers", name) for label, name in written.items()})
    return found, problems


def _families(entry: TokenizerEntry, users: Iterable[ModelEntry]) -> list[str]:
    """The families stated, or those of the models in alphabetical order; none where nothing says any."""
    if entry.existing is not None:
        return []  # it has its own special tokens
    if entry.family is not None:
        return [entry.family] if isinstance(entry.family, str) else entry.family
    return sorted({own_family(model) for model in users})


def _family_for(model: ModelEntry, each: Mapping[str, TokenizerEntry]) -> str:
    own = own_family(model)
    return own if own in each else next((family for family in each if not lacks(each[family], model)), next(iter(each)))


def own_family(model: ModelEntry) -> str:
    """The family whose special tokens the model's architecture has."""
    return family_of(model.architecture, model.network)


def lacks(tokenizer: TokenizerEntry, model: ModelEntry) -> list[str]:
    """What the model would miss in the tokenizer, one line each."""
    return check_for_model(tokenizer, model.architecture, model.network, model.objective, model.needs)
