"""Identity: what a run's id is made of.

    id = sha256(stage, identity config, ids of the parents, meaning of the code)[:12]

Config enters in a normal form (`Config.identity`): defaults included, runtime settings and keys that mean nothing
beside others left out, and files, folders and callables in the place of their names (fingerprints.py). So a key set to
its default is no change, nor is a file that was moved; and a changed default is one, for the runs that rely on it. How
code enters is said in code.py; when versions of libraries do, in libraries.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from snakelm.core.config import Config
from snakelm.core.registry import is_variant
from snakelm.runs.digests import digest

ID_LENGTH = 12


def run_id(
    stage: str, config: Any, parents: Mapping[str, str], code: str, versions: Mapping[str, str] | None = None
) -> str:
    """The id of a run. config: identity config in its normal form; parents: role → id; versions: library → version."""
    parts = [stage, config, dict(parents), code]
    return digest([*parts, dict(versions)] if versions else parts)[:ID_LENGTH]


def config_key(stage: str, parents: Mapping[str, str]) -> str:
    """What runs have in common that `on_code_change: keep` compares: all of the id but the code and the config, whose
    explicit values are compared one by one (planning/catalogue.py)."""
    return digest([stage, dict(parents)])[:ID_LENGTH]


def folder_name(name: str, run_id: str) -> str:
    """The name of a run's folder: a name for people, and the id, which code finds it by."""
    return f"{name}-{run_id}"


def id_of_folder(folder: str | Path) -> str | None:
    """The id at the end of a run folder's name; None if it is no run's."""
    name = Path(folder).name
    run_id = name[-ID_LENGTH:]
    if len(name) < ID_LENGTH + 2 or name[-ID_LENGTH - 1] != "-" or not set(run_id) <= set("0123456789abcdef"):
        return None
    return run_id


def components(config: Any) -> tuple[str, ...]:
    """The modules of the registered variants (task type, objective, …) that a config is made of."""
    return tuple(sorted(set(_components(config))))


def _components(value: Any) -> Iterator[str]:
    if isinstance(value, BaseModel):
        if isinstance(value, Config) and is_variant(type(value)):
            yield type(value).__module__
        for item in value.__dict__.values():
            yield from _components(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _components(item)
