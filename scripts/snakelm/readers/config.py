"""The config of a source of rows, shared by corpora and by the data of tasks."""

from __future__ import annotations

import codecs
import functools
import re
import urllib.parse
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, cast

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, field_validator, model_validator

from snakelm.core.config import CONTENT, Config, Contents, View, circumstance
from snakelm.core.errors import UserError
from snakelm.readers.formats import format_by_suffix

Format = Literal[
    "txt", "jsonl", "json", "csv", "tsv", "parquet", "arrow", "warc", "conll", "conllu", "squad", "parallel"
]

SECRET_WORDS = "token|key|keyid|apikey|secret|password|passwd|pwd|sig|signature|auth|authorization|credentials?"
SECRET_PARAMETER = re.compile(rf"(^|[-_.])({SECRET_WORDS})($|[-_.])|accesskey|(access|auth)token", re.IGNORECASE)
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""How a URL names an environment variable: ${NAME}."""


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


TABLES: tuple[Format, ...] = ("csv", "tsv")
TEXTS: tuple[Format, ...] = ("txt", "jsonl", "json", "csv", "tsv", "conll", "conllu", "squad", "parallel")


def read_by(*formats: Format, default: Any, description: str) -> Any:
    """A key that only the readers of these formats look at: beside other formats it enters no id."""
    return Field(default, description=description, json_schema_extra={"formats": list(formats)})


class Dialect(NamedTuple):
    """How a csv or tsv file is written."""

    delimiter: str
    quote: str
    """Empty: quotes are characters like others."""
    multiline: bool


FileList = Annotated[list[str], BeforeValidator(_as_list, json_schema_input_type=str | list[str])]


class HubConfig(Config):
    """A dataset of the Hugging Face Hub, loaded without running code from it."""

    name: str = Field(description="Name of the dataset, as in owner/name.", min_length=1)
    config: str | None = Field(None, description="Configuration (subset) of the dataset, where it has several.")
    split: str = Field("train", description="The dataset's own split to read.", min_length=1)
    revision: str | None = Field(
        None, description="Commit or tag; default: the newest commit at the first fetch, as the lock file records it."
    )
    streaming: bool = circumstance(
        False, description="Read it over the network row by row instead of storing it in the cache first."
    )


class CallableConfig(Config):
    """Something that calls a Python callable, whose code is then part of its identity."""

    python: str

    def view(self, view: View) -> dict[str, Any]:
        values = super().view(view)
        if view.contents is not None:
            values["python"] = {CONTENT: view.contents.code(self.python)}
        return values


class SourceConfig(Config):
    """Where rows come from: exactly one of `files`, `url`, `python` and `hub`, and how to read them."""

    model_config = ConfigDict(hide_input_in_errors=True)  # a URL may carry a secret
    reads_whole_archives: ClassVar[bool] = False
    """Whether an archive may hold several files without `members` saying which are meant: a file of labelled rows
    rarely stands alone (a readme, other splits)."""

    files: FileList | None = Field(
        None, description="Path or glob of local files, or a list of them, relative to the checkout.", min_length=1
    )
    url: str | None = Field(
        None, description="URL (http or https) of one file; secrets only as ${NAME} of an environment variable."
    )
    python: str | None = Field(
        None,
        description="Python callable module:function that returns a data frame, a dataset, or an iterable of rows "
        "(dicts) or texts; the module is installed or a file in the checkout.",
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$",
    )
    hub: HubConfig | None = Field(None, description="Dataset of the Hugging Face Hub (needs the network).")
    members: FileList | None = Field(
        None,
        description="Glob of the files to read in a zip or tar archive, or a list of globs, matched from the end of "
        "their paths (`train/*/*.txt`); by default all files of a corpus's archive, while that of a task has to hold "
        "one file. Hidden files do not count.",
        min_length=1,
    )
    arguments: dict[str, JsonValue] = Field({}, description="Keyword arguments for the Python callable.")
    reads: FileList | None = Field(
        None, description="Local files that the Python callable reads (paths or globs): a change to them is noticed."
    )
    sha256: str | None = Field(
        None, description="SHA-256 of the file (url, or a single file in files), checked on use."
    )
    cache: str | None = circumstance(
        None, description="Local copy of what is at the URL, used instead of a download where it exists."
    )
    lock: str | None = circumstance(
        None,
        description="File that records the SHA-256 of a url, or the commit of a hub data set, where none is stated, at "
        "the first fetch; later fetches are held to it. Default: `<recipe>.sources.yaml` beside the recipe.",
    )
    format: Format | None = Field(
        None,
        description="Format of the files, by default told by their suffix (.gz, .bz2, .xz and .zst are ignored, and in "
        "an archive the member's counts); squad: SQuAD's JSON; parallel: two text files, line by line; warc: WARC and "
        "WET.",
    )
    unit: Literal["file", "paragraph", "line"] = read_by(
        "txt", default="file", description="What one row of a txt file is; paragraphs are separated by blank lines."
    )
    encoding: str = read_by(
        *TEXTS, default="utf-8", description="Encoding of text files; a byte order mark is dropped."
    )
    text: str = Field("text", description="Name of the column that holds the text.", min_length=1)
    header: bool | None = read_by(
        *TABLES,
        default=None,
        description="Whether the first row of a csv or tsv file names the columns; by default it does, but has to be "
        "stated where column_names is given or the first row looks like data.",
    )
    column_names: list[str] | None = read_by(
        *TABLES,
        "conll",
        default=None,
        description="Names of the columns of a csv, tsv or conll file, in order; needed with header: false, and with "
        "header: true in place of the file's own.",
    )
    delimiter: str | None = read_by(
        *TABLES,
        "conll",
        default=None,
        description="Character between columns (or 'tab'); default: comma in csv, tab in tsv.",
    )
    quote: str | None = read_by(
        *TABLES,
        default=None,
        description='Character that quotes fields of csv and tsv; empty: no quoting. By default " where commas or the '
        "like separate columns, and none where tabs do.",
    )
    multiline: bool | None = read_by(
        *TABLES,
        default=None,
        description="Whether a quoted field may hold line breaks; by default only where no tabs separate columns.",
    )
    word_column: int | str = read_by(
        "conll", default=0, description="Column of the words in conll, by number (from 0, or -1) or name."
    )
    tag_column: int | str = read_by(
        "conll",
        "conllu",
        default=-1,
        description="Column of the tags: conll: its number or name (that of the words: there are no tags); conllu: "
        "upos (the default), xpos, lemma, feats, deprel, or the name of one feature, such as Number.",
    )

    def dialect(self, delimiter: str) -> Dialect:
        """How a csv or tsv file is read, given what separates columns unless the source says otherwise."""
        delimiter = self.delimiter or delimiter
        tabs = delimiter == "\t"
        return Dialect(
            delimiter,
            self.quote if self.quote is not None else "" if tabs else '"',
            self.multiline if self.multiline is not None else not tabs,
        )

    def view(self, view: View) -> dict[str, Any]:
        """Files count by their content and order, whatever they are called and wherever they lie; beside them and a
        stated sum of a download, sums and addresses add nothing. Keys count where the format's reader looks at them."""
        values = super().view(view)
        if view.contents is None:
            return values
        formats = self._in_content(values, view.contents, view.paths)
        one = formats[0] if len(set(formats)) == 1 else None
        if not formats:
            values.pop("format", None)
        for name in _unread(frozenset(formats)):
            values.pop(name, None)
        resolved = {"format": one or formats, **self._resolved(one)}
        return values | {name: value for name, value in resolved.items() if name in values}

    def _in_content(self, values: dict[str, Any], contents: Contents, paths: bool) -> list[str | None]:
        """Put content in the place of names, in `values`; the format of each file (None where nothing tells it)."""
        if self.files is not None:
            files = contents.files(self.files, in_order=self.format == "parallel")
            self._check_sum(files)
            values["files"] = {CONTENT: [list(file) if paths else file[1] for file in files]}
            values.pop("sha256", None)
            return [self.format] if self.format else [format_by_suffix(path) for path, _ in files]
        if self.url is not None:
            if self.sha256 is not None:
                values.pop("url", None)
            return [self.format or format_by_suffix(urllib.parse.unquote(urllib.parse.urlsplit(self.url).path))]
        if self.python is not None:
            values["python"] = {CONTENT: contents.code(self.python)}
            if self.reads is not None:  # under whatever names the callable knows them
                values["reads"] = {CONTENT: dict(contents.files(self.reads))}
        return []

    def _check_sum(self, files: Iterable[tuple[str, str]]) -> None:
        """The stated sum is no part of an id, so a wrong one is found here and not only where the file is read."""
        for path, sha256 in files:
            if self.sha256 not in (None, sha256):
                raise UserError(f"{path}: sha256 is {sha256}, but the recipe states {self.sha256}")

    def _resolved(self, form: str | None) -> dict[str, Any]:
        """Keys whose default depends on the format, with what they mean in this one; names of encodings in one way."""
        encoding = codecs.lookup(self.encoding).name
        found: dict[str, Any] = {"encoding": "utf-8" if encoding == "utf-8-sig" else encoding}  # a mark is dropped
        if form in TABLES:
            found |= self.dialect("\t" if form == "tsv" else ",")._asdict() | {"header": self.header is not False}
        if form == "conllu" and self.tag_column == -1:
            found["tag_column"] = "upos"
        return found

    @field_validator("url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        if url is None:
            return url
        try:
            parts = urllib.parse.urlsplit(url)
            host = parts.hostname
        except ValueError:
            raise ValueError("url is invalid") from None
        if parts.scheme not in ("http", "https") or not host:
            raise ValueError("url must begin with http:// or https:// and name a host")
        secrets = [parts.password or ""]
        secrets += [value for name, value in urllib.parse.parse_qsl(parts.query) if SECRET_PARAMETER.search(name)]
        if any(secret and not VARIABLE.fullmatch(secret) for secret in secrets):
            raise ValueError(
                "url carries a password or token, which would end up in manifests and logs; put it into an "
                "environment variable and write ${NAME} in its place"
            )
        return url

    @field_validator("sha256")
    @classmethod
    def _digest(cls, sha256: str | None) -> str | None:
        if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
            raise ValueError("sha256 must be 64 hexadecimal digits")
        return sha256.lower() if sha256 else None

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str) -> str:
        try:
            codec = codecs.lookup(encoding)
        except (LookupError, ValueError):
            raise ValueError(f"encoding: unknown encoding {encoding!r}") from None
        if not codec._is_text_encoding:
            raise ValueError(f"encoding: {encoding!r} is not a text encoding")
        return encoding

    @field_validator("delimiter")
    @classmethod
    def _one_delimiter(cls, delimiter: str | None) -> str | None:
        delimiter = "\t" if delimiter in ("tab", "\\t") else delimiter
        if delimiter is not None and (len(delimiter) != 1 or delimiter in "\r\n"):
            raise ValueError("delimiter must be one character, or 'tab'")
        return delimiter

    @field_validator("quote")
    @classmethod
    def _one_quote(cls, quote: str | None) -> str | None:
        if quote is not None and len(quote) > 1:
            raise ValueError("quote must be one character, or empty")
        return quote

    @field_validator("column_names")
    @classmethod
    def _distinct_names(cls, names: list[str] | None) -> list[str] | None:
        if names is not None and (not names or len(set(names)) < len(names) or not all(names)):
            raise ValueError("column_names must be non-empty and all different")
        return names

    @model_validator(mode="after")
    def _one_source(self) -> SourceConfig:
        self.check_source()
        return self

    def check_source(self) -> None:
        """ValueError unless there is exactly one source, with keys that fit it."""
        given = [name for name in ("files", "url", "python", "hub") if getattr(self, name) is not None]
        if len(given) != 1:
            found = "none is given" if not given else f"{' and '.join(given)} are given"
            raise ValueError(f"exactly one of files, url, python and hub says where the rows come from; {found}")
        for name, paths in (("files", self.files), ("reads", self.reads), ("members", self.members)):
            if not all(path.strip() for path in paths or ()):
                raise ValueError(f"{name}: an empty path")
        if self.sha256 and not (self.files or self.url):
            raise ValueError(f"sha256 goes with url or files, not with {given[0]}")
        if self.members and not (self.files or self.url):
            raise ValueError(f"members goes with url or files, not with {given[0]}")
        if self.cache and not (self.url and self.sha256):
            raise ValueError("cache goes with url and sha256: the sum shows that the copy is what the URL would give")
        if (self.arguments or self.reads) and not self.python:
            raise ValueError(f"arguments and reads go with python, not with {given[0]}")
        if self.unit != "file" and (self.python or self.hub or self.format not in (None, "txt")):
            raise ValueError(f"unit: {self.unit} is for txt files")
        if self.format == "parallel" and len(self.files or []) != 2:
            raise ValueError("format: parallel needs files: [one, other], two files of as many lines")
        if self.format in ("csv", "tsv") and self.header is False and not self.column_names:
            raise ValueError("header: false needs column_names")


@functools.cache
def _unread(formats: frozenset[str | None]) -> tuple[str, ...]:
    """The keys that no reader of these formats looks at; none where a format is unknown (None)."""
    if None in formats:
        return ()
    fields = SourceConfig.model_fields.items()
    marks = {name: field.json_schema_extra for name, field in fields if isinstance(field.json_schema_extra, dict)}
    readers = {name: set(cast(list[str], mark["formats"])) for name, mark in marks.items() if "formats" in mark}
    return tuple(name for name, of_key in readers.items() if not of_key & formats)
