"""Mixtures of sources that a corpus declares and the models on it take over."""

from __future__ import annotations

from collections.abc import Iterator

from snakelm.core.errors import did_you_mean
from snakelm.fetch_corpus.config import CorpusConfig, NamedSource
from snakelm.pretrain.config import MixtureConfig
from snakelm.recipe.schema import Recipe

Path = list[str | int]


def with_mixtures(recipe: Recipe) -> tuple[Recipe, list[tuple[Path, str]]]:
    """Give each model without a mixture that of its corpus; problems where a corpus says what contradicts itself."""
    problems: list[tuple[Path, str]] = []
    declared: dict[str, MixtureConfig | None] = {}
    for name, corpus in recipe.corpora.items():
        try:
            declared[name] = mixture_of(corpus)
        except ValueError as error:
            problems.append((["corpora", name], str(error)))
    models = {
        name: model.model_copy(update={"mixture": declared[model.corpus]})
        if model.mixture is None and declared.get(model.corpus)
        else model
        for name, model in recipe.models.items()
    }
    return recipe.model_copy(update={"models": models}), problems


def mixture_of(corpus: CorpusConfig) -> MixtureConfig | None:
    """What the sources of a corpus say of how often they are read; None where they say nothing, ValueError (one line)
    where that cannot be."""
    sources = {
        part.name: part.source for part in corpus.parts() if part.split is None and isinstance(part.source, NamedSource)
    }
    weights = {name: source.weight for name, source in sources.items() if source.weight is not None}
    epochs = {name: source.epochs for name, source in sources.items() if source.epochs is not None}
    most = {name: source.max_tokens for name, source in sources.items() if source.max_tokens is not None}
    ways = {"weight": weights, "epochs": epochs, "temperature": corpus.temperature}
    given = [name for name, value in ways.items() if value]
    if len(given) > 1:
        raise ValueError(f"{' and '.join(given)} of sources exclude each other; give one")
    if corpus.temperature is not None and not sources:
        raise ValueError("temperature is for several sources; list them under sources")
    if weights and (missing := sorted(sources.keys() - weights.keys())):
        raise ValueError(f"no weight for source {' and '.join(missing)}; give every source one, or none")
    if not given and not most:
        return None
    groups = {}
    if corpus.temperature is not None and corpus.temperature_over == "languages":
        groups = {name: " ".join(source.language) for name, source in sources.items() if source.language}
        if unknown := sorted(sources.keys() - groups.keys()):
            raise ValueError(f"temperature_over: languages: source {' and '.join(unknown)} does not state its language")
    return MixtureConfig(weights=weights, epochs=epochs, temperature=corpus.temperature, groups=groups, max_tokens=most)


def check_mixture(recipe: Recipe, name: str) -> Iterator[tuple[Path, str]]:
    """What is wrong between the mixture of a model and the sources of its corpus."""
    model = recipe.models[name]
    if model.mixture is None:
        return
    known = [part.name for part in recipe.corpora[model.corpus].parts() if part.split is None and part.name]
    path: Path = ["models", name, "mixture"]
    if model.order == "documents":
        yield (
            ["models", name, "order"],
            "documents cannot be shuffled in a mixture of sources, which the model or its corpus states; set order: "
            "chunks, or leave out the mixture",
        )
    if not known:
        yield path, f"corpus {model.corpus} is one source without a name; list several under its sources"
        return
    for key in ("weights", "groups", "epochs", "max_tokens"):
        for source in getattr(model.mixture, key):
            if source not in known:
                yield [*path, key], f"corpus {model.corpus} has no source {source!r}{did_you_mean(source, known)}"
    if model.mixture.weights and (missing := sorted(set(known) - model.mixture.weights.keys())):
        yield [*path, "weights"], f"no weight for source {' and '.join(missing)}; give every source one"
