"""Pack a trained tokenizer into a folder for AutoTokenizer, prove that it loads the same everywhere, measure it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from snakelm.artifacts.records import read
from snakelm.core import console
from snakelm.readers import corpus
from snakelm.runs.context import RunContext
from snakelm.save_tokenizer.config import SaveConfig
from snakelm.tokenization.statistics import write_statistics
from snakelm.tokenization.trained import FILE, TrainedTokenizer

VERIFIED_LINES = 200
LONGEST_LINE = 10_000
"""Longer lines are cut there for measuring and verifying: one line of a gigabyte would not fit a batch."""
SAMPLE_LENGTH = 700
IN_HEADLINE = ("bytes_per_token", "tokens_per_word", "whole_words", "unknown_rate", "round_trip", "renyi_efficiency")


def save_tokenizer(context: RunContext[SaveConfig]) -> dict[str, Any]:
    """Write the folder, its zip, statistics.json, words.svg and sample.html; return the headline numbers.

    Reads the run that trained it (role `trained`) and, where there is one, the corpus: its validation split
    is measured, its training split if nothing is held out (`split` in statistics.json says which).
    """
    os.environ.setdefault("RAYON_NUM_THREADS", str(context.threads))
    from tokenizers import Tokenizer

    from snakelm.save_tokenizer.folder import write_folder, write_zip
    from snakelm.save_tokenizer.picture import plot, sample
    from snakelm.save_tokenizer.text_statistics import measure
    from snakelm.save_tokenizer.verify import verify
    from snakelm.tokenization.unknown import unknown_token

    trained = read(TrainedTokenizer, context.parents["trained"] / FILE)
    tokenizer = Tokenizer.from_file(str(context.parents["trained"] / "tokenizer.json"))
    max_length = context.config.model_max_length or trained.max_length
    names = write_folder(context.out, tokenizer, trained.roles, max_length, trained.inputs, trained.settings)
    write_zip(context.out / f"{context.name}.zip", context.out, names)
    split, lines = _lines(context.parents.get("corpus"), context.config.measured_megabytes)
    verified = verify(context.out, [line[:2000] for line in lines[:VERIFIED_LINES]])
    console.log.info(f"{verified} strings give the same ids and offsets by every loader")
    size = tokenizer.get_vocab_size()
    headline = {"vocab_size": size, "strings_verified": verified}
    if not lines:
        return headline
    unk = unknown_token(json.loads(tokenizer.to_str())["model"])
    measured = measure(tokenizer, lines, unk)
    context.times["encode_mb_per_s"] = round(measured.megabytes_per_second, 2)
    statistics = replace(
        measured.statistics,
        name=context.name,
        kind=trained.kind,
        vocab_size=size,
        strings_verified=verified,
        split=split,
    )
    write_statistics(context.out, statistics)
    plot(statistics.words_by_tokens, context.out / "words.svg")
    (context.out / "sample.html").write_text(sample(tokenizer, _start("\n".join(lines)), unk), encoding="utf-8")
    if lost := statistics.characters_lost:
        console.log.warning(
            f"tokenizers.{context.name}: {100 * lost:.2g} % of the characters of the {split} split are lost "
            "without a trace; give it an unk token (special_tokens), or all bytes (initial_alphabet: bytes, "
            "byte_fallback: true)"
        )
    chosen = {key: getattr(statistics, key) for key in IN_HEADLINE}
    return headline | {key: round(value, 4) for key, value in chosen.items() if value is not None}


def _lines(folder: Path | None, megabytes: float) -> tuple[str, list[str]]:
    """The split measured, and its non-empty lines without their ends, up to so many MB of UTF-8."""
    if folder is None:
        return "none", []
    split = "validation" if corpus.has_split(folder, "validation") else "train"
    found: list[str] = []
    size = 0
    for line in _non_empty(folder, split):
        size += len(line.encode())
        if found and size > megabytes * 1e6:
            break
        found.append(line)
    return split, found


def _non_empty(folder: Path, split: str) -> Iterator[str]:
    for text in corpus.iter_texts(folder, split):
        for line in text.split("\n"):
            line = line.removesuffix("\r")
            for begin in range(0, len(line), LONGEST_LINE):
                if (part := line[begin : begin + LONGEST_LINE]).strip():
                    yield part


def _start(text: str) -> str:
    """The beginning of a text, to the last whole word."""
    return text if len(text) <= SAMPLE_LENGTH else text[:SAMPLE_LENGTH].rpartition(" ")[0] or text[:SAMPLE_LENGTH]
