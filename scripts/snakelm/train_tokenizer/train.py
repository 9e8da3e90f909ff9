"""Train one tokenizer as its entry of the recipe says, streaming the corpus line by line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from snakelm import console, corpus
from snakelm.errors import UserError
from snakelm.job import Job
from snakelm.train_tokenizer.config import TokenizerConfig

LINES_A_BATCH = 1000


def train_tokenizer(job: Job[TokenizerConfig]) -> dict[str, Any]:
    """Write tokenizer.json and training.json (kind, family, roles), return the vocabulary's size.

    The corpus' training split is fed line by line, split at line feeds only and with line ends kept, as
    `Tokenizer.train` reads files: so a corpus of one document gives what the library gives on that file.
    """
    os.environ.setdefault("RAYON_NUM_THREADS", str(job.threads))
    from snakelm.train_tokenizer.kinds import untrained
    from snakelm.train_tokenizer.reproducible import train
    from snakelm.train_tokenizer.templates import add_template

    config, where = job.config, f"tokenizers.{job.name}"
    tokenizer, trainer = untrained(config, where)
    tokenizer = train(tokenizer, trainer, lambda: lines(job.parents["corpus"]) if config.corpus else ())
    add_template(tokenizer, config, where)
    size = tokenizer.get_vocab_size()
    write_json(job.out / "training.json", {"kind": config.kind, "family": config.family, "roles": config.role_tokens()})
    (job.out / "tokenizer.json").write_text(tokenizer.to_str(pretty=True), encoding="utf-8")
    if config.kind != "bytes" and size < config.vocab_size:
        console.log.warning(
            f"{where}.vocab_size: {config.vocab_size:,} asked for, but the text fills only {size:,} "
            f"(min_frequency {config.min_frequency}); the vocabulary has {size:,} entries"
        )
    return {"vocab_size": size}


def lines(folder: Path) -> Iterator[list[str]]:
    """The training split in batches of lines (split at \\n only, ends kept), a few documents in memory at a time."""
    if not corpus.has_split(folder, "train"):
        raise UserError(f"{folder}: no train.parquet to train a tokenizer on")
    batch: list[str] = []
    for text in console.progress(corpus.iter_texts(folder, "train"), "reading", unit="documents"):
        batch += split_lines(text)
        if len(batch) >= LINES_A_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def split_lines(text: str) -> list[str]:
    """The text's lines with their ends, split at \\n only: str.splitlines would also split at \\x0b, \\u2028, …"""
    pieces = text.split("\n")
    last = pieces.pop()
    found = [piece + "\n" for piece in pieces]
    return [*found, last] if last else found


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
