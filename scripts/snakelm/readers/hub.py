"""Rows of a dataset of the Hugging Face Hub. Needs the network; never runs code that a dataset brings."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from snakelm.core.console import log
from snakelm.core.errors import UserError, one_line
from snakelm.readers.classes import namer
from snakelm.readers.config import HubConfig, SourceConfig
from snakelm.readers.lock import record, recorded
from snakelm.readers.row import Row

COMMIT = re.compile("[0-9a-f]{40}")


def hub_rows(source: SourceConfig, streaming: bool = False) -> Iterator[Row]:
    """The rows of one split, through the cache of `datasets` or streamed, classes named; whatever goes wrong there is
    one line.

    streaming: read no more of it than is asked for, and keep nothing, whatever the recipe says.

    Without a stated revision the newest commit is recorded in `source.lock` at the first fetch, and read from then on.
    """
    import datasets

    hub = source.hub
    assert hub is not None
    if os.path.exists(hub.name):
        raise UserError(f"hub: {hub.name} is a local folder; name its files under `files`, so that changes are noticed")
    revision = hub.revision or _held_revision(hub, source.lock, looks_only=streaming)
    try:
        rows = datasets.load_dataset(
            hub.name, hub.config, split=hub.split, revision=revision, streaming=streaming or hub.streaming
        )
    except Exception as error:
        raise UserError(f"hub: {hub.name} cannot be loaded ({_said(error)})") from error
    _refuse_another_commit(hub, revision, [file["filename"] for file in getattr(rows, "cache_files", [])])
    features = getattr(rows, "features", None)  # not known of every data set that is streamed
    name_classes = namer(features.to_dict() if features else {})
    number = 0
    try:
        for number, row in enumerate(rows, 1):
            yield Row(name_classes(row), hub.name, number, "row")
    except (OSError, ValueError) as error:
        raise UserError(f"hub: {hub.name}, after row {number}: cannot be read on ({_said(error)})") from error


def _held_revision(hub: HubConfig, lock: str | None, looks_only: bool) -> str | None:
    """The commit to read: what the lock file has, else the newest, which is then recorded; None where that cannot be
    found out, and for who only looks and records nothing."""
    import huggingface_hub

    address = f"hub:{hub.name}"
    if held := recorded(lock, address):
        return held.removeprefix("commit ")
    if looks_only:
        return None
    try:
        newest = huggingface_hub.HfApi().dataset_info(hub.name).sha
    except Exception as error:  # offline, or of a kind that loading says better
        log.warning("hub: the commit of %s cannot be found out (%s)", hub.name, _said(error))
        newest = None
    if newest is None:
        log.warning("hub: %s has no revision: its data may change under the same id; set revision", hub.name)
        return None
    return record(lock, address, f"commit {newest}").removeprefix("commit ")


def _refuse_another_commit(hub: HubConfig, revision: str | None, files: list[str]) -> None:
    """`datasets` takes whatever its cache has where it cannot load the commit that was asked for."""
    if revision is not None and COMMIT.fullmatch(revision) and files and not all(revision in name for name in files):
        raise UserError(f"hub: {hub.name} has no commit {revision}, or the Hub cannot be reached for it")


def _said(error: BaseException) -> str:
    kind = type(error).__name__
    if kind in ("DatasetNotFoundError", "RepositoryNotFoundError"):
        return "no dataset of this name is on the Hub, or it is not public: check its name, or log in: hf auth login"
    if kind in ("OfflineModeIsEnabled", "OfflineModeError"):
        return "offline mode is on (HF_HUB_OFFLINE), and the cache does not have it"
    return f"{kind}: {one_line(error)}"
