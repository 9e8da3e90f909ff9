"""The maps of a recipe: what an entry of each is called, and which config class reads it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snakelm.core.config import Config, reference_of
from snakelm.core.registry import Registry
from snakelm.fetch_corpus.config import CorpusConfig
from snakelm.recipe.schema import MODELS, TokenizerEntry
from snakelm.tasks.config import task_types


@dataclass(frozen=True)
class Section:
    """One map of the recipe, from the names of entries to the entries."""

    noun: str
    """What one entry is called."""
    reader: type[Config] | Registry[Any]
    """The class of every entry, or the registry that has one for each variant."""

    @property
    def classes(self) -> tuple[type[Config], ...]:
        """Every class that an entry can be of."""
        if isinstance(self.reader, Registry):
            return tuple(self.reader.classes().values())
        return (self.reader,)

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that some entry can have."""
        return tuple(dict.fromkeys(name for each in self.classes for name in each.model_fields))

    @property
    def references(self) -> Mapping[str, str]:
        """Key → the map that its value names an entry of, for every key of every class that is such a name."""
        return {key: target for each in self.classes for key, target in references_of(each).items()}

    def class_of(self, entry: object) -> type[Config] | None:
        """The class that reads this entry; None where the entry does not say which."""
        if not isinstance(self.reader, Registry):
            return self.reader
        try:
            return self.reader.of(entry)
        except ValueError:
            return None


@functools.cache  # of a class: plug-ins may add classes to a section
def references_of(cls: type[Config]) -> Mapping[str, str]:
    """Key → the map of the recipe that its value names an entry of."""
    return {key: target for key, field in cls.model_fields.items() if (target := reference_of(field))}


SECTIONS: dict[str, Section] = {
    "corpora": Section("corpus", CorpusConfig),
    "tokenizers": Section("tokenizer", TokenizerEntry),
    "models": Section("model", MODELS),
    "tasks": Section("task", task_types),
}
