"""Libraries that can change a result, and what follows when their versions do.

Versions stand in every manifest and enter no id, so that an upgrade trains nothing again. Where the recipe says
`on_library_change: rerun`, a run that exists, but was made with others, is made beside it under an id of which the
installed versions are a part; what has no such forerunner keeps the id without them. So going over to `rerun`, or back,
makes no other run than those.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from snakelm.runs import machine
from snakelm.runs.records import Manifest
from snakelm.runs.stages import STAGES

BASELINES = ("numpy", "scipy", "scikit-learn", "pandas")
"""Those that count for a baseline, which has no network."""


@functools.cache
def installed() -> Mapping[str, str]:
    """Library → version, without what sets one build of it apart from another (2.13.0+cpu)."""
    return {name: _public(version) for name, version in machine.versions().items()}


def counting(stage: str, config: Mapping[str, Any]) -> dict[str, str]:
    """The installed versions of the libraries that can change a run of this stage and identity config."""
    names = BASELINES if config.get("baseline") else STAGES[stage].libraries
    return {name: installed()[name] for name in names if name in installed()}


def changed(made: Manifest) -> list[str]:
    """Libraries that a run was made with in another version than is installed, as 'made with torch 2.13.0; now 2.14.0'.

    None for a run that was adopted: what made it is not known.
    """
    if made.adopted is not None:
        return []
    then = {name: _public(version) for name, version in made.versions.items()}
    return [
        f"made with {name} {then[name]}; now {now}"
        for name, now in counting(made.stage, made.config).items()
        if then.get(name, now) != now
    ]


def _public(version: str) -> str:
    return version.partition("+")[0]
