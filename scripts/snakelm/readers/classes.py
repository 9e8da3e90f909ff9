"""Names of classes: what the library `datasets` stores as numbers (a ClassLabel), with the names beside the table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

Values = dict[str, Any]


class ClassNumber(int):
    """The number of a class, which is written as its name: as a label it has the name, in arithmetic the number."""

    name: str

    def __new__(cls, number: int, name: str) -> ClassNumber:
        made = super().__new__(cls, number)
        made.name = name
        return made

    def __str__(self) -> str:
        return self.name


def namer(features: Mapping[str, Any]) -> Callable[[Values], Values]:
    """Row → the row with the names of its classes, given the features of a data set as `Features.to_dict` has them.

    Classes are found in lists and in columns inside columns too. −1, which stands for no label, becomes None; any other
    number without a name stays as it is.
    """
    columns = {name: feature for name, feature in features.items() if _has_classes(feature)}

    def name_classes(values: Values) -> Values:
        return {**values, **{name: _named(values[name], columns[name]) for name in columns if name in values}}

    return name_classes if columns else lambda values: values


def stored_features(metadata: Mapping[bytes, bytes] | None) -> Mapping[str, Any]:
    """The features that `datasets` has written into the schema of a parquet file; {} where there are none."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    return features if isinstance(features, dict) else {}


def _has_classes(feature: Any) -> bool:
    if isinstance(feature, list):
        return any(map(_has_classes, feature))
    if not isinstance(feature, Mapping):
        return False
    return feature.get("_type") == "ClassLabel" or any(map(_has_classes, feature.values()))


def _named(value: Any, feature: Any) -> Any:
    if isinstance(feature, list):  # an old way to write a list
        return [_named(part, feature[0]) for part in value] if isinstance(value, list) else value
    if not isinstance(feature, Mapping):
        return value
    if feature.get("_type") == "ClassLabel":
        names = feature.get("names") or []
        if value == -1:
            return None
        is_class = isinstance(value, int) and 0 <= value < len(names)
        return ClassNumber(value, str(names[value])) if is_class else value
    if isinstance(inner := feature.get("feature"), (Mapping, list)) and isinstance(feature.get("_type"), str):
        if isinstance(value, list):
            return [_named(part, inner) for part in value]
        feature = {name: [part] for name, part in inner.items()} if isinstance(inner, Mapping) else {}
    if isinstance(value, Mapping):
        return {name: _named(part, feature.get(name)) for name, part in value.items()}
    return value
