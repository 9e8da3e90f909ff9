"""The config of a corpus: its source, what is held out, and what is done to the texts (by default nothing)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from snakelm.core.config import Config, Repeatable, View, circumstance
from snakelm.readers.config import SourceConfig
from snakelm.readers.row import FILE


class SplitConfig(Config):
    """What is held out: fractions of the documents, drawn by hash, or a column of the source that says it."""

    validation: float = Field(0.0, description="Fraction of the documents held out for validation.", ge=0, lt=1)
    test: float = Field(0.0, description="Fraction of the documents held out for testing.", ge=0, lt=1)
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


def _none_is_no_split(value: Any) -> Any:
    return {} if value is None or value == "none" else value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Languages = Annotated[list[str], BeforeValidator(_as_list, json_schema_input_type=str | list[str])]


class CorpusConfig(Repeatable, SourceConfig):
    """One entry of `corpora`: text to learn from, one document per row, split into train, validation and test."""

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
    deduplicate: Literal["none", "exact"] = Field(
        "none",
        description="Which duplicates to drop; exact: keep the first document of those with the same cleaned text.",
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

    @model_validator(mode="after")
    def _one_way_to_split(self) -> CorpusConfig:
        if self.group is not None and self.split.column is not None:
            raise ValueError("group goes with split fractions; split.column already says where each row goes")
        return self

    def view(self, view: View) -> dict[str, Any]:
        reads_paths = FILE in (self.group, self.text, *(self.keep or ()))
        return super().view(replace(view, paths=view.paths or reads_paths))

    def splits(self) -> tuple[str, ...] | None:
        """The splits that the corpus will have, train first; None where only the data's own column can say."""
        if self.split.column is not None:
            return None
        return ("train", *(name for name in ("validation", "test") if getattr(self.split, name)))
