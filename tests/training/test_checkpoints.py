"""Folders that are whole or not there."""

from __future__ import annotations

import pytest

from snakelm.training import checkpoints


def write(work, step, text="weights"):
    folder = checkpoints.checkpoint_folder(work, step)
    checkpoints.write(folder, lambda part: (part / "model").write_text(text) and None)
    return folder


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    folder = write(tmp_path, 1, "old")

    def fail(part):
        (part / "model").write_text("new")
        raise OSError("disk full")

    with pytest.raises(OSError):
        checkpoints.write(folder, fail)
    assert (folder / "model").read_text() == "old" and checkpoints.fault(folder) is None
    write(tmp_path, 1, "new")
    assert (folder / "model").read_text() == "new" and checkpoints.fault(folder) is None


def test_the_newest_whole_one_is_found_by_step_not_by_name(tmp_path):
    for step in (9, 10, 100):
        write(tmp_path, step)
    assert checkpoints.newest_whole(tmp_path).name == "checkpoint-100"
    (tmp_path / "checkpoints/checkpoint-100/model").write_text("other")
    assert checkpoints.newest_whole(tmp_path).name == "checkpoint-10"
    (tmp_path / "checkpoints/checkpoint-10/checksums.json").write_text("{")
    assert checkpoints.newest_whole(tmp_path).name == "checkpoint-9"
    (tmp_path / "checkpoints/checkpoint-9/model").unlink()
    assert checkpoints.newest_whole(tmp_path) is None


def test_pruning_keeps_the_newest_and_removes_what_kills_left(tmp_path):
    for step in (8, 9, 10, 11):
        write(tmp_path, step)
    (tmp_path / "checkpoints/.checkpoint-12.part").mkdir()
    checkpoints.prune(tmp_path, 2)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["checkpoint-10", "checkpoint-11"]
