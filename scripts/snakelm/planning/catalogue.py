"""The runs that exist, as planning looks for them: by id, and by what they are whatever code made them."""

from __future__ import annotations

from pathlib import Path

from snakelm.core.errors import UserError
from snakelm.runs.records import Manifest
from snakelm.runs.store import MANIFEST, Store, read_manifest


class Catalogue:
    """The complete runs of a results folder, looked up once."""

    def __init__(self, store: Store):
        self.store = store
        self._existing: dict[str, dict[str, str]] = {}
        self._keys: dict[str, dict[str, str]] = {}

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

    def id_of_key(self, stage: str, key: str) -> str | None:
        """The id of the newest run with this config key, whatever code made it."""
        if stage not in self._keys:
            found: dict[str, tuple[str, str]] = {}
            for run_id, folder in self._runs(stage).items():
                manifest = self.manifest(self.store.root / stage / folder)
                newest = found.get(manifest.key, ("", ""))
                found[manifest.key] = max(newest, (manifest.circumstance.finished, run_id))
            self._keys[stage] = {found_key: run_id for found_key, (_, run_id) in found.items()}
        return self._keys[stage].get(key)

    def _runs(self, stage: str) -> dict[str, str]:
        if stage not in self._existing:
            self._existing[stage] = self.store.existing(stage)
        return self._existing[stage]
