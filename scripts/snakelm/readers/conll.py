"""Labelled words: CoNLL columns and CoNLL-U, one sentence per row, {"text", "words": [...], "tags": [...]}."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from snakelm.core.console import log
from snakelm.core.errors import UserError, did_you_mean
from snakelm.readers.config import SourceConfig
from snakelm.readers.opening import SourceFile, open_text
from snakelm.readers.row import Row
from snakelm.readers.sentences import ConllSentence, ConlluSentence

CONLLU = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
RANGE_OR_EMPTY = re.compile(r"\d+[-.]\d+")


def read_conll(file: SourceFile, config: SourceConfig) -> Iterator[Row]:
    """Sentences of a file with one word a line and its tags in columns; blank lines separate sentences.

    Columns are divided by `delimiter`, else by tabs where the line has one, else by spaces. Lines beginning with #
    before a sentence's first word are comments unless they hold a tab; a comment "# global.columns = ID FORM …"
    (CoNLL-U Plus) names the columns. -DOCSTART- lines are skipped. Each line has as many columns as the first.
    The column `config.text` holds the words joined by spaces.
    """
    names = config.column_names
    columns = first = 0
    for start, lines in _sentences(file, config):
        words: list[str] = []
        tags: list[str] = []
        places: list[int] = []
        for place, (number, line) in enumerate(lines):
            if not words and line.startswith("#") and "\t" not in line:
                if line.startswith("# global.columns =") and names is None:
                    names = line.partition("=")[2].split()
                continue
            values = _divide(line, config.delimiter)
            if values[0] == "-DOCSTART-":
                continue
            if not columns:
                columns, first = len(values), number
                word_at, tag_at = (
                    _position(at, columns, names, file) for at in (config.word_column, config.tag_column)
                )
            if len(values) != columns:
                raise UserError(f"{file.label} line {number}: {len(values)} columns, but line {first} has {columns}")
            if not values[word_at] or not values[tag_at]:
                raise UserError(f"{file.label} line {number}: an empty {'tag' if values[word_at] else 'word'}")
            places.append(place)
            words.append(values[word_at])
            tags.append(values[tag_at])
        if words:
            found: dict[str, Any] = {config.text: " ".join(words), "words": words}
            if (tag_at - word_at) % columns:  # else it is the words that are there, and the file has no tags
                found["tags"] = tags
            sentence = ConllSentence(tuple(line for _, line in lines), tuple(places), config.delimiter)
            yield Row(found, file.label, start, sentence=sentence)


def read_conllu(file: SourceFile, config: SourceConfig) -> Iterator[Row]:
    """Sentences of a CoNLL-U file: forms and the tags of `tag_column` (upos by default).

    `tag_column` is upos, xpos, lemma, feats (all features as one tag), deprel, or the name of a feature (Number; "_"
    where a word lacks it). A feature that no word of the file has is warned of with the nearest that there is.
    The column `config.text` holds the sentence: its comment "# text = …", else its tokens with the spaces that
    SpaceAfter=No leaves.
    Multiword ranges (3-4) and empty nodes (5.1) are skipped: the words are the syntactic ones, numbered 1, 2, 3, …
    """
    wanted = "upos" if config.tag_column == -1 else config.tag_column
    if isinstance(wanted, int):
        raise UserError(
            f"{file.label}: tag_column of CoNLL-U is a name (upos, xpos, lemma, feats, deprel, or a feature's)"
        )
    at = CONLLU.index(wanted.lower()) if wanted.lower() in CONLLU else None
    feature, known = wanted.removeprefix("feats."), set[str]()
    for start, lines in _sentences(file, config):
        words: list[str] = []
        tags: list[str] = []
        places: list[int] = []
        text, pieces, within = "", list[str](), 0
        for place, (number, line) in enumerate(lines):
            if line.startswith("#") and not words and not pieces:
                if line.startswith("# text ="):
                    text = line.partition("=")[2].strip()
                continue
            values = line.split("\t")
            where = f"{file.label} line {number}"
            if len(values) != 10:
                raise UserError(f"{where}: {len(values)} tab-separated columns; CoNLL-U has 10")
            if not all(values):
                raise UserError(f"{where}: column {CONLLU[values.index('')].upper()} is empty; write _ for nothing")
            if not values[0].isdecimal():
                if RANGE_OR_EMPTY.fullmatch(values[0]):
                    if "-" in values[0]:  # a multiword token: its words are not written
                        pieces.append(_with_space(values))
                        within = int(values[0].partition("-")[2])
                    continue
                raise UserError(f"{where}: {values[0]!r} is not a word number; expected 3, 3-4 or 3.1")
            if int(values[0]) != len(words) + 1:
                raise UserError(f"{where}: word {values[0]} follows word {len(words)}")
            places.append(place)
            words.append(values[1])
            if len(words) > within:
                pieces.append(_with_space(values))
            if at is not None:
                tags.append(values[at])
            else:
                features = _features(values[5], where)
                known.update(features)
                tags.append(features.get(feature, "_"))
        if words:
            found = {config.text: text or "".join(pieces).strip(), "words": words, "tags": tags}
            here, name = (CONLLU.index("feats"), feature) if at is None else (at, None)
            sentence = ConlluSentence(tuple(line for _, line in lines), tuple(places), here, name)
            yield Row(found, file.label, start, sentence=sentence)
    if at is None and feature not in known:
        near = did_you_mean(feature, {*known, *CONLLU[2:8]} - {"head"})
        log.warning(f"{file.label}: no word has the feature {feature!r}, so that all tags are '_'{near}")


def _with_space(values: list[str]) -> str:
    """A token as it is written, with the space after it unless its line says that there is none."""
    return values[1] if "SpaceAfter=No" in values[9].split("|") else values[1] + " "


def _sentences(file: SourceFile, config: SourceConfig) -> Iterator[tuple[int, list[tuple[int, str]]]]:
    """(number of its first line, [(number, line without its end)]) of each block of lines that are not blank."""
    with open_text(file, config.encoding) as stream:
        block: list[tuple[int, str]] = []
        for number, line in enumerate(stream, 1):
            if line.strip():
                block.append((number, line.rstrip("\r\n")))
            elif block:
                yield block[0][0], block
                block = []
        if block:
            yield block[0][0], block


def _divide(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None and "\t" not in line:
        return [value for value in line.split(" ") if value]  # not split(): a no-break space belongs to its word
    return [value.strip(" ") for value in line.rstrip(" ").split(delimiter or "\t")]


def _position(column: int | str, columns: int, names: list[str] | None, file: SourceFile) -> int:
    if isinstance(column, str):
        if names is None:
            raise UserError(f"{file.label}: column {column!r} needs column_names, or a number in its place")
        if column not in names:
            raise UserError(f"{file.label}: no column {column!r}{did_you_mean(column, names)}")
        column = names.index(column)
    if not -columns <= column < columns:
        raise UserError(
            f"{file.label}: no column number {column}; the first word has {columns} columns (0 is the first)"
        )
    return column


def _features(cell: str, where: str) -> dict[str, str]:
    try:
        return {} if cell == "_" else dict(pair.split("=", 1) for pair in cell.split("|"))
    except ValueError:
        raise UserError(f"{where}: malformed features {cell!r}; expected Name=Value|Name=Value") from None
