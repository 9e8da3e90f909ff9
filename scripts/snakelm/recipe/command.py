"""A recipe as strangers may see it: the command that names it, and its text.

An absolute path says where things are on somebody's machine: of those the last part alone is shown.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml


def as_yaml(whole: Mapping[str, Any]) -> str:
    """Sections of a recipe, as plain values, in their order."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # five times as fast, where it is there
    return str(yaml.dump(shown(dict(whole)), Dumper=dumper, sort_keys=False, allow_unicode=True, width=100))


def shown(value: Any) -> Any:
    """A value of a recipe as strangers may see it."""
    if isinstance(value, dict):
        left_out = {"lock"} if {"url", "hub"} & value.keys() else set()  # it is filled in, and strangers do not have it
        return {key: shown(item) for key, item in value.items() if key not in left_out}
    if isinstance(value, list):
        return [shown(item) for item in value]
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
        values = {key: shown(value) for key, value in overrides.items()}
        values = {
            key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for key, value in values.items()
        }
        command += ["--config", *(shlex.quote(f"{key}={value}") for key, value in values.items())]
    return command
