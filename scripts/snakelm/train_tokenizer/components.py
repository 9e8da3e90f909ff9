"""Parts of the `tokenizers` library by name and arguments, as a recipe states them."""

from __future__ import annotations

import re
from typing import Any

from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, processors, trainers

from snakelm.core.errors import UserError, did_you_mean

_MODULES = {
    "normalizer": normalizers,
    "pre_tokenizer": pre_tokenizers,
    "model": models,
    "decoder": decoders,
    "post_processor": processors,
    "trainer": trainers,
}
_BASES = {"Normalizer", "PreTokenizer", "Model", "Decoder", "PostProcessor", "Trainer", "DecodeStream", "NORMALIZERS"}


def known(role: str) -> list[str]:
    """The names that a role (normalizer, pre_tokenizer, …) accepts."""
    names = {name for name in dir(_MODULES[role]) if name[0].isupper()} - _BASES - {"ParityBpeTrainer"}
    return sorted(names)


def build(role: str, step: Any, where: str, **extra: Any) -> Any:
    """One component, or a Sequence of them for a list; `extra` arguments give way to the recipe's.

    Raises UserError naming `where` for a component that does not exist or gets a wrong argument.
    """
    if isinstance(step, list):
        parts = [build(role, part, f"{where}[{number}]") for number, part in enumerate(step)]
        return parts[0] if len(parts) == 1 else _MODULES[role].Sequence(parts)
    name, arguments = _name_and_arguments(step, where)
    if name not in known(role):
        raise UserError(f"{where}: no {role} {name!r}{did_you_mean(name, known(role))}")
    given = arguments
    arguments = {key: _value(value, where) for key, value in given.items()}
    for list_key in ("normalizers", "pretokenizers", "decoders", "processors"):
        if name == "Sequence" and list_key in arguments:
            parts = [build(role, part, f"{where}.{list_key}[{n}]") for n, part in enumerate(arguments[list_key])]
            return _MODULES[role].Sequence(parts)
    component = getattr(_MODULES[role], name)
    takes = _parameters(component)
    for key in arguments:  # some of the bindings ignore what they do not know
        if key not in takes:
            raise UserError(f"{where}: {name} has no argument {key!r}{did_you_mean(key, takes)}")
    try:
        return component(**{key: value for key, value in extra.items() if key in takes} | arguments)
    except Exception as error:  # the bindings raise TypeError, ValueError, OverflowError and plain Exception
        raise UserError(f"{where}: {name} does not take {given or 'no arguments'}: {_reason(error)}") from error


def added_token(token: Any, where: str) -> AddedToken:
    """A special token from its text or {content, lstrip, rstrip, single_word, normalized}."""
    if isinstance(token, str):
        return AddedToken(token, special=True, normalized=False)
    takes = {"content", "lstrip", "rstrip", "single_word", "normalized", "special"}
    for key in set(token) - takes:  # the bindings ignore it
        raise UserError(f"{where}: a special token takes no {key!r}{did_you_mean(key, takes)}")
    try:
        return AddedToken(**{"special": True, "normalized": False, **token})
    except (TypeError, ValueError) as error:
        raise UserError(f"{where}: a special token does not take {token}: {_reason(error)}") from error


def _name_and_arguments(step: Any, where: str) -> tuple[str, dict[str, Any]]:
    if isinstance(step, str):
        return step, {}
    arguments = dict(step)
    name = arguments.pop("type", None)
    if not isinstance(name, str):
        raise UserError(f"{where}: a component needs `type: <name>`, got {step!r}")
    return name, arguments


def _parameters(component: Any) -> set[str]:
    """The names of its arguments; inspect.signature cannot read all of the bindings' signatures."""
    return set(re.findall(r"[(,]\s*(\w+)", component.__text_signature__ or "")) - {"self"}


def _value(value: Any, where: str) -> Any:
    """`{regex: …}` becomes a Regex; pairs, which YAML has as lists, become tuples: a token with its id or score (alone
    or in lists), two tokens in a list of merges."""
    if isinstance(value, list):
        pairs = all(isinstance(one, list) and len(one) == 2 for one in value)
        return tuple(value) if _is_pair(value) else [tuple(one) for one in value] if pairs else value
    if isinstance(value, dict) and set(value) == {"regex"}:
        try:
            return Regex(value["regex"])
        except Exception as error:
            raise UserError(f"{where}: regex {value['regex']!r} does not compile: {_reason(error)}") from error
    return value


def _is_pair(value: list[Any]) -> bool:
    names = [one for one in value if isinstance(one, str)]
    numbers = [one for one in value if isinstance(one, int | float)]
    return len(names) == len(numbers) == 1 and len(value) == 2


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
