"""Rows of a dataset of the Hugging Face Hub. Needs the network; never runs code that a dataset brings."""

from __future__ import annotations

import os
from collections.abc import Iterator

from snakelm.core.console import log
from snakelm.core.errors import UserError, one_line
from snakelm.readers.classes import namer
from snakelm.readers.config import SourceConfig
from snakelm.readers.row import Row


def hub_rows(source: SourceConfig, streaming: bool = False) -> Iterator[Row]:
    """The rows of one split, through the cache of `datasets`, classes named; whatever goes wrong there is one line.

    streaming: read no more of it than is asked for, and keep nothing.
    """
    import datasets

    hub = source.hub
    assert hub is not None
    if os.path.exists(hub.name):
        raise UserError(f"hub: {hub.name} is a local folder; name its files under `files`, so that changes are noticed")
    if hub.revision is None:
        log.warning("hub: %s has no revision: its data may change under the same id; set revision", hub.name)
    try:
        rows = datasets.load_dataset(hub.name, hub.config, split=hub.split, revision=hub.revision, streaming=streaming)
    except Exception as error:
        raise UserError(f"hub: {hub.name} cannot be loaded ({type(error).__name__}: {one_line(error)})") from error
    features = getattr(rows, "features", None)  # not known of every data set that is streamed
    name_classes = namer(features.to_dict() if features else {})
    for number, row in enumerate(rows, 1):
        yield Row(name_classes(row), hub.name, number, "row")
