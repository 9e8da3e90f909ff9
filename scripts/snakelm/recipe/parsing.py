"""YAML files of a recipe to plain data: read as people mean it, every fault with its file and line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from snakelm.core.errors import UserError, one_line
from snakelm.recipe.schema import Recipe


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML as people mean it, nearly that of version 1.2, and a key given twice is an error.

    What PyYAML reads by version 1.1 otherwise stays text: 1:30 (90 seconds), yes and no, dates, 0123 (octal). So do
    numbers longer than any that a recipe means, which are sums such as a sha256. 1e-3 is a number. A config model that
    wants a boolean takes yes and no all the same, and one that wants a text gets it as it was written.
    """

    yaml_implicit_resolvers: dict[str, Any] = {}  # none of PyYAML's own


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][\d_]{0,18})|0x[\da-fA-F]{1,16}", "-+0123456789"),
    ("float", r"[-+]?(?:\d[\d_]{0,24}\.[\d_]{0,24}|\.\d[\d_]{0,24})", "-+0123456789."),
    ("float", r"[-+]?(?:\d[\d_]{0,24}\.?[\d_]{0,24}|\.\d[\d_]{0,24})[eE][-+]?\d{1,3}", "-+0123456789."),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+."),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("merge", r"<<", "<"),
):
    # PyYAML looks up an empty scalar under the empty text.
    _firsts = ["" if _letter == "\0" else _letter for _letter in _first]
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _firsts)


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


def read_yaml(file: str | Path) -> dict[str, Any]:
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
        raise UserError(f"{file}: not valid YAML: {one_line(error)}") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise UserError(f"{file}: a recipe is a map with the keys {', '.join(Recipe.model_fields)}")
    # Anchors have to be written somewhere: top-level keys starting with a dot or x- hold them and mean nothing.
    return {key: value for key, value in data.items() if not str(key).startswith((".", "x-"))}
