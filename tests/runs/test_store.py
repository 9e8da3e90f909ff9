"""Manifests on disk: what counts as one, and what is restored."""

from __future__ import annotations

from pathlib import Path

import pytest

from snakelm.artifacts import records
from snakelm.runs.records import Manifest
from snakelm.runs.store import COPY, MANIFEST, is_complete, is_damaged, read_manifest

BAD = {
    "nothing": b"",
    "a list": b"[]",
    "an object without fields": b"{}",
    "wrong fields": b'{"stage": 1, "name": [], "id": null}',
    "a field of another type": b'{"stage": "evaluate", "name": "n", "id": "0", "parents": []}',
    "truncated": b'{"stage": "evaluate", "na',
    "zeros": bytes(100),
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for name in (MANIFEST, COPY):
        records.write(tmp_path / name, Manifest("evaluate", "n", "0" * 12))
    return tmp_path


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_a_bad_manifest_is_restored_from_a_whole_copy(run: Path, content: bytes) -> None:
    whole = (run / COPY).read_bytes()
    (run / MANIFEST).write_bytes(content)
    assert is_complete(run) and not is_damaged(run) and (run / MANIFEST).read_bytes() == whole


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_a_bad_manifest_and_a_bad_copy_are_a_damaged_run(run: Path, content: bytes) -> None:
    (run / MANIFEST).write_bytes(content)
    (run / COPY).write_bytes(content)
    assert is_damaged(run) and not is_complete(run)
    with pytest.raises(ValueError):
        read_manifest(run)
