"""The runs that exist, as planning looks for them: by id, and by what they are whatever code made them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from snakelm.core.errors import UserError
from snakelm.core.registry import Registry
from snakelm.runs.digests import digest
from snakelm.runs.fingerprints import Recorded
from snakelm.runs.identity import config_key
from snakelm.runs.records import Manifest
from snakelm.runs.stages import STAGES, resolve
from snakelm.runs.store import MANIFEST, Store, read_manifest


class Catalogue:
    """The complete runs of a results folder, looked up once."""

    def __init__(self, store: Store):
        self.store = store
        self._existing: dict[str, dict[str, str]] = {}
        self._keys: dict[str, dict[str, list[tuple[str, str, Manifest]]]] = {}

    def folder(self, stage: str, run_id: str) -> Path | None:
        """The folder of the run with this id; None if there is none."""
        name = self._runs(stage).get(run_id)
        return self.store.root / stage / name if name else None

    def manifest(self, folder: Path) -> Manifest:
        """UserError where neither the manifest nor its copy can be read."""
        try:
            return read_manifest(folder)
        except (OSError, ValueError):
            raise UserError(
                f"{folder / MANIFEST}: cannot be read; restore it, or remove the folder to make the run again"
            ) from None

    def id_of_equal(self, stage: str, key: str, identity: Mapping[str, Any], written: Mapping[str, Any]) -> str | None:
        """The id of the newest run that was asked for in the same words, whatever code made it; None if there is none.

        Its parents are the same (`key`), and so is the value of every key that the recipe writes out now,
        or that differs from the default now or did then. Values are compared, not the words alone: a default that was
        edited, and is written out now, is another value than the one that an earlier run was made with.
        """
        if stage not in self._keys:
            found: dict[str, list[tuple[str, str, Manifest]]] = {}
            for run_id, folder in self._runs(stage).items():
                made = _in_normal_form(self.manifest(self.store.root / stage / folder))
                parents = {role: parent.id for role, parent in made.parents.items()}
                item = (made.circumstance.finished, run_id, made)
                found.setdefault(config_key(stage, parents), []).append(item)
            self._keys[stage] = found
        fits = [
            (finished, run_id)
            for finished, run_id, made in self._keys[stage].get(key, [])
            if all(
                _value(made.config, path) == _value(identity, path)
                for path in {*_paths(written), *_paths(made.explicit)}
            )
        ]
        return max(fits)[1] if fits else None

    def _runs(self, stage: str) -> dict[str, str]:
        if stage not in self._existing:
            self._existing[stage] = self.store.existing(stage)
        return self._existing[stage]


def _in_normal_form(made: Manifest) -> Manifest:
    """The manifest with config and explicit keys as ids are made of them now: once names of files stood in a config,
    and what was behind them in `sources` alone."""
    reader = resolve(STAGES[made.stage].config)
    if isinstance(reader, Registry):
        return made
    try:
        config = reader.model_validate(made.config)
        recorded = Recorded(made.sources)
        return replace(made, config=config.identity(recorded), explicit=config.explicit(recorded))
    except (ValidationError, UserError, KeyError):
        return made  # content stands in it already, or it is of another version


def _paths(config: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The places of the values in nested mappings."""
    if isinstance(config, Mapping) and config:
        for key, value in config.items():
            yield from _paths(value, (*path, key))
    else:
        yield path


def _value(config: Any, path: tuple[str, ...]) -> Any:
    """A digest of the value at a place, which tells 1 from 1.0; None where there is none."""
    for key in path:
        if not isinstance(config, Mapping) or key not in config:
            return None
        config = config[key]
    return digest(config)
