"""What a card says of data: where it comes from, its license and language, and how much of it there is."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from snakelm.fetch_corpus.config import CorpusConfig, Part
from snakelm.readers.config import SourceConfig
from snakelm.readers.corpus import SPLITS
from snakelm.recipe.command import shown_path
from snakelm.runs.records import Manifest

NOT_STATED = "not stated"


@dataclass(frozen=True)
class CorpusRow:
    """A corpus, or one of its sources, in the card's table; texts are plain, not escaped."""

    name: str
    source: str
    license: str
    language: str
    documents: str


def corpus_rows(name: str, corpus: CorpusConfig, manifest: Manifest | None) -> list[CorpusRow]:
    """A row for each source of a corpus; the numbers are those of its run, where that is there."""
    headline = manifest.headline if manifest else {}
    by_source = headline.get("sources") or {}
    return [
        CorpusRow(
            name=shown_name(name, part),
            source=stated(corpus, part, "source") or f"{described(part.source)} (source {NOT_STATED})",
            license=stated(corpus, part, "license") or NOT_STATED,
            language=", ".join(stated(corpus, part, "language") or []) or NOT_STATED,
            documents=counts((by_source.get(part.name, {}) if part.name else headline).get("documents") or {})
            or "unknown",
        )
        for part in corpus.parts()
    ]


def shown_name(corpus: str, part: Part) -> str:
    """A source of a corpus as a card calls it."""
    return f"{corpus}: {part.name}" if part.name else corpus


def stated(corpus: CorpusConfig, part: Part, key: Literal["license", "source", "language"]) -> Any:
    """What a recipe says of a source of a corpus, by itself or for all sources alike."""
    return getattr(part.source, key) or getattr(corpus, key)


def unlicensed(corpora: Mapping[str, CorpusConfig]) -> list[str]:
    """The sources whose license is not stated; a corpus where that is so of all its sources."""
    found: list[str] = []
    for name, corpus in corpora.items():
        without = [part for part in corpus.parts() if not stated(corpus, part, "license")]
        found += [name] if len(without) == len(corpus.parts()) else [shown_name(name, part) for part in without]
    return found


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
    parts = [(corpus, part) for corpus in corpora for part in corpus.parts()]
    return list(dict.fromkeys(code for corpus, part in parts for code in stated(corpus, part, "language") or []))


def sources_of(corpora: Iterable[CorpusConfig]) -> list[SourceConfig]:
    """Every source of these corpora."""
    return [part.source for corpus in corpora for part in corpus.parts()]


def task_sources(task: object) -> Iterator[SourceConfig]:
    """The sources that a task reads by itself."""
    for key in ("data", "train", "validation", "test"):
        if isinstance(source := getattr(task, key, None), SourceConfig):
            yield source
