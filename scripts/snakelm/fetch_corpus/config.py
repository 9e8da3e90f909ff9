"""The config of a corpus: its sources, what is held out, and what is done to the texts (by default nothing)."""

from __future__ import annotations

import os
import re
import string
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, PlainValidator, SerializeAsAny, field_validator, model_validator

from snakelm.core.config import Config, Repeatable, View, circumstance, further_down
from snakelm.core.errors import did_you_mean
from snakelm.core.quantities import Count
from snakelm.fetch_corpus.steps import CleaningStep, read_step
from snakelm.readers.config import SourceConfig
from snakelm.readers.row import FILE


class SplitConfig(Config):
    """What is held out: fractions of the documents, drawn by hash, or a column of the source that says it."""

    validation: float = Field(0.0, description="Fraction of the documents held out for validation.", ge=0, lt=1)
    test: float = Field(0.0, description="Fraction of the documents held out for testing.", ge=0, lt=1)
    by: Literal["share", "hash"] = Field(
        "share",
        description="How documents are drawn: share: as many as the fractions say, so that a few move when documents "
        "are added; hash: each by itself, so that none ever moves, and the fractions are met about.",
    )
    seed: int = Field(0, description="Seed of the draw: another seed holds out other documents.", ge=0)
    column: str | None = Field(
        None, description="Column that names each row's split (train, validation or test) instead of fractions."
    )

    @model_validator(mode="after")
    def _possible(self) -> SplitConfig:
        if self.validation + self.test >= 1:
            raise ValueError(f"validation + test is {self.validation + self.test:g}, which leaves nothing for train")
        if self.column is not None and (self.validation or self.test):
            raise ValueError("column and fractions exclude each other: the column says what is held out")
        return self


class DeduplicateConfig(Config):
    """Which duplicates are dropped, of documents and of paragraphs, over all sources."""

    documents: Literal["none", "exact", "near"] = Field(
        "none",
        description="Documents: exact: of those with the same text, the first stays; near: of those whose n-grams are "
        "alike (MinHash), one stays, which does not depend on their order.",
    )
    paragraphs: Literal["none", "exact"] = Field(
        "none",
        description="Paragraphs, as blank lines separate them: exact: of equal ones in the whole corpus, one stays.",
    )
    min_chars: int = Field(20, description="Shorter paragraphs may repeat.", ge=1)
    similarity: float = Field(
        0.8, description="Share of their n-grams from which two documents are near-duplicates (Jaccard).", gt=0.1, le=1
    )
    unit: Literal["char", "word"] = Field(
        "char", description="What n-grams are made of: characters, which serve every script, or words."
    )
    ngram: int | None = Field(None, description="Length of the n-grams; default: 12 characters or 5 words.", ge=1)
    check_splits: Literal["exact", "near"] = Field(
        "exact",
        description="What is counted, with a warning, of held-out documents that stand in train too: equal ones, or "
        "near-duplicates too.",
    )
    prefer: list[str] = Field(
        [],
        description="Names of sources whose copies stay, most preferred first; then come the others in their order.",
        examples=[["b"]],
    )

    @property
    def length(self) -> int:
        """How many characters or words an n-gram has."""
        return self.ngram or (12 if self.unit == "char" else 5)


def _documents_alone(value: Any) -> Any:
    return {"documents": value} if isinstance(value, str) else value


def _none_is_no_split(value: Any) -> Any:
    return {} if value is None or value == "none" else value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Languages = Annotated[list[str], BeforeValidator(_as_list, json_schema_input_type=str | list[str])]
Step = Annotated[SerializeAsAny[CleaningStep], PlainValidator(read_step, json_schema_input_type=str | dict[str, Any])]


class TextSource(SourceConfig):
    """A source of documents: rows, and what of a row is the text."""

    reads_whole_archives: ClassVar[bool] = True

    template: str | None = Field(
        None,
        description='Text made of several columns, as in "{title}\\n\\n{body}"; {{ and }} are braces. Takes the place '
        "of `text`; an empty value leaves nothing in its place.",
        examples=["{text}"],
    )
    clean: list[Step] = Field(
        [],
        description="Steps that clean the texts, in order: a list of names, or of maps with a step and its keys (see "
        "below). Those of a source come before those of the corpus.",
        examples=[["html"]],
    )
    license: str | None = circumstance(
        None, description="License of the texts, for model cards, such as cc-by-4.0 or public domain."
    )
    source: str | None = circumstance(
        None, description="Where the texts come from, for model cards: a name, an address, a citation."
    )
    language: Languages | None = circumstance(
        None,
        description="Language of the texts, or a list of them, for model cards: ISO 639 codes of two or three letters, "
        "code, or multilingual.",
        examples=["en"],
    )

    @field_validator("language")
    @classmethod
    def _known_codes(cls, languages: list[str] | None) -> list[str] | None:
        for language in languages or []:
            if not re.fullmatch(r"[a-z]{2,3}|code|multilingual", language):
                raise ValueError(f"{language!r} is not an ISO 639 code such as en or deu, nor code or multilingual")
        return languages

    @field_validator("template")
    @classmethod
    def _names_columns(cls, template: str | None) -> str | None:
        if template is not None and not columns_of(template):
            raise ValueError('template names no column; write one in braces, as in "{title}\\n\\n{body}"')
        return template

    def columns(self) -> list[str]:
        """The columns that the text is made of."""
        return [self.text] if self.template is None else columns_of(self.template)

    @model_validator(mode="after")
    def _one_text(self) -> TextSource:
        if self.template is not None and self.text != "text":
            raise ValueError("text and template exclude each other: the template says what the text is made of")
        return self


def columns_of(template: str) -> list[str]:
    """The columns that a template names, each once; ValueError where it is malformed."""
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"template: {error}; a brace that is meant as such is doubled") from None
    if any(spec or conversion or name == "" for _, name, spec, conversion in parts if name is not None):
        raise ValueError("template: braces hold the name of a column and nothing else")
    return list(dict.fromkeys(name for _, name, _, _ in parts if name is not None))


class NamedSource(TextSource):
    """One of several sources of a corpus."""

    name: str | None = Field(
        None,
        description="Name of the source, in the column `source` and in all figures; default: that of its file, URL, "
        "callable or data set.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.=+-]*$",
        max_length=80,
    )
    weight: float | None = further_down(
        None,
        description="Share of the tokens that models are trained on, relative to the other sources' weights. Counts in "
        "the runs of the models alone, like the next two keys, and gives way to their `mixture`.",
        gt=0,
    )
    epochs: float | None = further_down(
        None, description="How many times the source is read in one epoch of a model.", gt=0
    )
    max_tokens: Count | None = further_down(None, description="The most tokens of it that a model reads.", gt=0)


def _one_is_a_list(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


HeldOut = Annotated[
    list[NamedSource], BeforeValidator(_one_is_a_list, json_schema_input_type=NamedSource | list[NamedSource])
]


@dataclass(frozen=True)
class Part:
    """A source as the stage reads it."""

    name: str
    """Empty where the corpus is one source without a name."""
    source: TextSource
    split: str | None = None
    """The split that all of it goes to; None where the draw or a column says."""


class CorpusConfig(Repeatable, TextSource):
    """One entry of `corpora`: text to learn from, one document per row, split into train, validation and test."""

    sources: list[NamedSource] = Field(
        [],
        description="Several sources instead of one: a list of maps with the keys of a source (files, url, python or "
        "hub, and how to read them) and a name each.",
        examples=[[{"files": "data/a.txt"}]],
    )
    temperature: float | None = further_down(
        None,
        description="Shares of the sources in what models are trained on, by size^(1/temperature): 1 is the text as it "
        "is, a high one equal shares. Counts in the runs of the models alone.",
        ge=1,
    )
    temperature_over: Literal["sources", "languages"] = further_down(
        "sources",
        description="Whose sizes the temperature is over; the sources of one `language` share what it gets by size.",
    )
    validation: HeldOut = Field(
        [],
        description="Source, or list of sources, that is the validation split instead of a part of the text.",
        examples=[[{"files": "data/b.txt"}]],
    )
    test: HeldOut = Field(
        [],
        description="Source, or list of sources, that is the test split instead of a part of the text.",
        examples=[[{"files": "data/b.txt"}]],
    )
    split: Annotated[
        SplitConfig,
        BeforeValidator(_none_is_no_split, json_schema_input_type=SplitConfig | Literal["none"] | None),
    ] = Field(
        SplitConfig(validation=0.05),
        description="What is held out; none: all documents are trained on, and nothing can be validated or tested.",
    )
    group: str | None = Field(
        None,
        description="Column whose rows of one value are never divided between splits (file: the source file); "
        "without it, documents of the same text stay together.",
    )
    keep: list[str] | None = Field(
        None, description="Columns to keep beside the text; default: all with numbers, booleans or strings."
    )
    strip: bool = Field(False, description="Remove whitespace at both ends of each document.")
    line_ends: Literal["keep", "lf"] = Field("keep", description="Line ends; lf turns CRLF and CR into LF.")
    unicode: Literal["keep", "NFC", "NFKC"] = Field("keep", description="Unicode normal form of the texts.")
    control: Literal["keep", "drop"] = Field(
        "keep",
        description="What becomes of control characters other than tab and line ends, such as NUL.",
    )
    min_chars: int = Field(
        1,
        description="Minimum length of a document in characters; whitespace alone counts as 0.",
        ge=1,
    )
    deduplicate: Annotated[
        DeduplicateConfig,
        BeforeValidator(_documents_alone, json_schema_input_type=DeduplicateConfig | Literal["none", "exact", "near"]),
    ] = Field(
        DeduplicateConfig(),
        description="Which duplicates to drop, after cleaning: a map (see below), or its `documents` alone.",
    )

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_drawn_for_a_split_that_is_given(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("validation") and "split" not in data:
            return {**data, "split": "none"}
        return data

    def _source_keys(self) -> list[str]:
        """The keys of a source that stand beside `sources`, where they would say nothing."""
        return sorted(self.changed() & set(TextSource.model_fields) - {"clean", "license", "source", "language"})

    def check_source(self) -> None:
        if not self.sources:
            super().check_source()
        elif keys := self._source_keys():
            raise ValueError(f"{' and '.join(keys)} beside sources: write it into each of the sources that it is for")

    @model_validator(mode="after")
    def _names_differ(self) -> CorpusConfig:
        names = [source.name for source in (*self.sources, *self.validation, *self.test) if source.name]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"sources: two are called {' and '.join(twice)}; each needs a name of its own")
        known = [part.name for part in self.parts()]
        for name in self.deduplicate.prefer:
            if not name or name not in known:
                raise ValueError(f"deduplicate: prefer: no source {name!r}{did_you_mean(name, filter(None, known))}")
        return self

    @model_validator(mode="after")
    def _one_way_to_split(self) -> CorpusConfig:
        for name in ("validation", "test"):
            if any(held.weight or held.epochs or held.max_tokens for held in getattr(self, name)):
                raise ValueError(f"{name}: weight, epochs and max_tokens are for text to train on, not held out")
            if getattr(self, name) and (getattr(self.split, name) or self.split.column is not None):
                raise ValueError(f"{name} is given as a source, so split must not draw it or name a column; leave one")
        if self.group is not None and self.split.column is not None:
            raise ValueError("group goes with split fractions; split.column already says where each row goes")
        return self

    def view(self, view: View) -> dict[str, Any]:
        """Sources count by their names as the column `source` has them: a default one comes from the name of a file,
        whose content alone counts otherwise."""
        reads_paths = FILE in (self.group, *(self.keep or ())) or any(
            FILE in part.source.columns() for part in self.parts()
        )
        values = super().view(replace(view, paths=view.paths or reads_paths))
        if view.contents is not None and self.has_names:
            for key in ("test", "validation", "sources"):
                for source in values.get(key, ()):
                    source.pop("name", None)
            values["names"] = [part.name for part in self.parts()]
        return values

    def splits(self) -> tuple[str, ...] | None:
        """The splits that the corpus will have, train first; None where only the data's own column can say."""
        if self.split.column is not None:
            return None
        held_out = (name for name in ("validation", "test") if getattr(self.split, name) or getattr(self, name))
        return ("train", *held_out)

    @property
    def has_names(self) -> bool:
        """Whether documents say which source they are from, in a column `source`."""
        return bool(self.sources or self.validation or self.test)

    def parts(self) -> tuple[Part, ...]:
        """Every source in the order in which it is read: what is held out first, so that it wins over its copies."""
        sources: list[tuple[TextSource, str | None]] = [(source, "test") for source in self.test]
        sources += [(source, "validation") for source in self.validation]
        sources += [(source, None) for source in self.sources] or [(self, None)]
        if not self.has_names:
            return (Part("", self),)
        given = {source.name for source, _ in sources if isinstance(source, NamedSource)}
        names = _default_names([source for source, _ in sources], {name for name in given if name})
        return tuple(Part(name, source, split) for name, (source, split) in zip(names, sources, strict=True))


def _default_names(sources: list[TextSource], taken: set[str]) -> Iterator[str]:
    """A name for each source: its own, or what its file, URL, callable or data set is called, numbered where taken."""
    for source in sources:
        if isinstance(source, NamedSource) and source.name:
            yield source.name
            continue
        plain = _called(source)
        name, number = plain, 2
        while name in taken:
            name, number = f"{plain}-{number}", number + 1
        taken.add(name)
        yield name


def _called(source: TextSource) -> str:
    if source.files:
        path = source.files[0]
        while path and any(letter in "*?[" for letter in os.path.basename(path)):
            path = os.path.dirname(path)  # a glob is called after its folder
        name = os.path.basename(os.path.normpath(path)) if path else ""
    elif source.url:
        name = urllib.parse.unquote(urllib.parse.urlsplit(source.url).path).rstrip("/").rpartition("/")[2]
    elif source.hub:
        name = source.hub.name.rpartition("/")[2]
    else:
        name = (source.python or "").replace(":", ".")
    if source.files or source.url:
        name = name.partition(".")[0]
    name = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_.-") else "-" for letter in name)
    return name.strip("-._")[:70] or "source"
