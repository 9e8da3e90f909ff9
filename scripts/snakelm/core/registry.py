"""Variants of a config, one class in one file, found by the name that a key of the recipe gives.

    task_types = Registry("task type", key="type", base=TaskConfig, package="snakelm.tasks")

    @task_types.register("regression")
    class Regression(TaskConfig): ...

A module of the package registers its class when it is imported, and the package's modules are all imported when a
name is first asked for; modules from elsewhere (`plugins` of a recipe) register themselves in the same way. Nothing
else has a list of the variants: the recipe, its documentation and its JSON schema ask the registry. A run's id counts
the module of the variant that it uses and what that imports, not the modules of the others.
"""

from __future__ import annotations

import importlib
import pkgutil
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from snakelm.core.config import Config
from snakelm.core.errors import did_you_mean

ConfigT = TypeVar("ConfigT", bound=Config)
Registered = TypeVar("Registered", bound=Config)
Extended = TypeVar("Extended", bound=Config)


def is_variant(cls: type[Config]) -> bool:
    """Whether a class was registered itself (what extends it was not)."""
    return bool(cls.__dict__.get("variant"))


class Registry(Generic[ConfigT]):
    """The registered subclasses of `base`, by name.

    Args:
        what: what one of them is called in messages.
        key: the key of an entry that names its variant.
        base: the config class that all of them extend.
        package: the package whose modules register the built-in ones.
        default: the name that is meant where an entry does not give the key; None: the key is required.
    """

    def __init__(self, what: str, key: str, base: type[ConfigT], package: str, default: str | None = None):
        self.what, self.key, self.base, self.package, self.default = what, key, base, package, default
        self._classes: dict[str, type[ConfigT]] = {}
        self._is_loaded = False

    def register(self, name: str) -> Callable[[type[Registered]], type[Registered]]:
        """Class decorator: let `name` stand for this class; ValueError if another class has the name."""

        def add(cls: type[Registered]) -> type[Registered]:
            known = self._classes.get(name)
            if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
                raise ValueError(f"{self.what} {name!r} is registered by {known.__module__} already")
            cls.variant = name
            self._classes[name] = cls  # type: ignore[assignment]  # a subclass of base, as validation relies on
            return cls

        return add

    def classes(self) -> Mapping[str, type[ConfigT]]:
        """Name → class of every variant, sorted by name."""
        if not self._is_loaded:
            self._is_loaded = True
            for module in pkgutil.iter_modules(importlib.import_module(self.package).__path__):
                importlib.import_module(f"{self.package}.{module.name}")
        return dict(sorted(self._classes.items()))

    def extended(self, base: type[Extended]) -> Registry[Extended]:
        """The same variants, each with the fields that `base` (a subclass of this one's base) adds to all of them."""
        return _Extension(self, base)

    def with_key(self, key: str) -> list[str]:
        """The names of the variants that have this key."""
        return [name for name, cls in self.classes().items() if key in cls.model_fields]

    def get(self, name: object) -> type[ConfigT]:
        """The class of a name; ValueError that names the nearest one if there is none."""
        classes = self.classes()
        if name not in classes:
            raise ValueError(f"{self.key}: unknown {self.what} {name!r}{did_you_mean(name, classes)}")
        return classes[str(name)]

    def of(self, entry: object) -> type[ConfigT]:
        """The class that an entry of the recipe (a mapping) asks for; ValueError as for `get`, or without the key."""
        name = entry.get(self.key, self.default) if isinstance(entry, Mapping) else None
        if name is None:
            raise ValueError(f"{self.key}: missing; give one of {', '.join(self.classes())}")
        return self.get(name)

    def validate(self, value: object) -> ConfigT:
        """An entry as an instance of its class; ValueError or pydantic's ValidationError where it is none.

        As a `PlainValidator` of a field it keeps the place of every problem within the entry.
        """
        return value if isinstance(value, self.base) else self.of(value).model_validate(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self.classes())


class _Extension(Registry[Extended]):
    """What `Registry.extended` returns: for each variant a class of that name, which is also a `base`."""

    def __init__(self, plain: Registry[Any], base: type[Extended]):
        super().__init__(plain.what, plain.key, base, plain.package, plain.default)
        self._plain = plain

    def register(self, name: str) -> Callable[[type[Registered]], type[Registered]]:
        return self._plain.register(name)

    def classes(self) -> Mapping[str, type[Extended]]:
        plain = self._plain.classes()
        for name in plain.keys() - self._classes.keys():
            both: type[Config] = types.new_class(plain[name].__name__, (self.base, plain[name]))
            both.__module__, both.__doc__ = plain[name].__module__, plain[name].__doc__
            super().register(name)(both)
        return dict(sorted(self._classes.items()))
