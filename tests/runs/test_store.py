"""Manifests on disk: what counts as one, and what is restored."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from snakelm.artifacts import records
from snakelm.runs.records import Manifest
from snakelm.runs.store import COPY, MANIFEST, Store, is_complete, is_damaged, read_manifest

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


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o002])
def test_what_is_published_has_the_mode_that_the_umask_gives(tmp_path: Path, mask: int) -> None:
    """safetensors writes 0600, since it goes through a temporary file."""
    before = os.umask(mask)
    try:
        built = tmp_path / "built"
        (built / "best").mkdir(parents=True)
        (built / "best").chmod(0o700)
        for name in ("model.safetensors", "best/model.safetensors"):
            (built / name).write_bytes(b"weights")
            (built / name).chmod(0o600)
        (built / "link").symlink_to("nowhere")
        store = Store(tmp_path / "results")
        final = store.folder("pretrain", "n", "0" * 12)
        store.publish(built, final, Manifest("pretrain", "n", "0" * 12))
    finally:
        os.umask(before)
    for path in [final, *final.rglob("*")]:
        if not path.is_symlink():
            wanted = 0o777 if path.is_dir() else 0o666
            assert stat.S_IMODE(path.stat().st_mode) == wanted & ~mask, path


def test_the_page_with_the_facts_of_the_machines_is_the_one_that_is_linked(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    folder = store.folder("report", "r", "0" * 12)
    (folder / "circumstance").mkdir(parents=True)
    for place in (folder, folder / "circumstance"):
        (place / "report.html").write_text(place.name)
    (folder / "metrics.tsv").write_text("scores")
    store.link_run("r", "report", ["r"], folder)
    for place in (store.root, store.recipe("r")):
        assert (place / "report.html").read_text() == "circumstance" and (place / "metrics.tsv").read_text() == "scores"
