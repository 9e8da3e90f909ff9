"""What a card says of data: where it comes from, its license and language, and how much of it there is."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from snakelm.fetch_corpus.config import CorpusConfig
from snakelm.readers.config import SourceConfig
from snakelm.readers.corpus import SPLITS
from snakelm.recipe.command import shown_path
from snakelm.runs.records import Manifest

NOT_STATED = "not stated"


@dataclass(frozen=True)
class CorpusRow:
    """A corpus in the card's table; texts are plain, not escaped."""

    name: str
    source: str
    license: str
    language: str
    documents: str


def corpus_row(name: str, corpus: CorpusConfig, manifest: Manifest | None) -> CorpusRow:
    """The row of a corpus; the numbers are those of its run, where that is there."""
    documents = (manifest.headline.get("documents") if manifest else None) or {}
    counted = counts(documents) or "unknown"
    return CorpusRow(
        name=name,
        source=corpus.source or f"{described(corpus)} (source {NOT_STATED})",
        license=corpus.license or NOT_STATED,
        language=", ".join(corpus.language or []) or NOT_STATED,
        documents=counted,
    )


def counts(by_split: Mapping[str, int]) -> str:
    """As many as each split has, train first."""
    order = [*(split for split in SPLITS if split in by_split), *(split for split in by_split if split not in SPLITS)]
    return ", ".join(f"{by_split[split]:,} {split}" for split in order if by_split[split])


def described(source: SourceConfig) -> str:
    """Where rows are read from, without what says more of a machine or a secret than strangers need."""
    if source.hub is not None:
        return f"Hugging Face data set {source.hub.name}" + (f", {source.hub.config}" if source.hub.config else "")
    if source.url is not None:
        parts = urllib.parse.urlsplit(source.url)
        return f"{parts.scheme}://{parts.hostname}{parts.path}"
    if source.python is not None:
        return f"Python callable {source.python}"
    files = [shown_path(file) for file in source.files or []]
    return ", ".join(files[:3]) + (f" and {len(files) - 3} more" if len(files) > 3 else "")


def hub_names(sources: Iterable[SourceConfig | None]) -> list[str]:
    """The data sets of the Hub among the sources, as a card's metadata names them."""
    return list(dict.fromkeys(source.hub.name for source in sources if source is not None and source.hub is not None))


def languages(corpora: Iterable[CorpusConfig]) -> list[str]:
    return list(dict.fromkeys(language for corpus in corpora for language in corpus.language or []))


def task_sources(task: object) -> Iterator[SourceConfig]:
    """The sources that a task reads by itself."""
    for key in ("data", "train", "validation", "test"):
        if isinstance(source := getattr(task, key, None), SourceConfig):
            yield source
