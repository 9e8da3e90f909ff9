"""Train one tokenizer as its entry of the recipe says, streaming the corpus line by line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from snakelm.artifacts.records import write
from snakelm.core import console
from snakelm.core.errors import UserError
from snakelm.readers import corpus
from snakelm.runs.context import RunContext
from snakelm.tokenization.trained import FILE, TrainedTokenizer
from snakelm.train_tokenizer.config import TokenizerConfig

LINES_A_BATCH = 1000


def train_tokenizer(context: RunContext[TokenizerConfig]) -> dict[str, Any]:
    """Write tokenizer.json and training.json (kind, family, roles), return the vocabulary's size.

    The corpus' training split is fed line by line, split at line feeds only and with line ends kept, as
    `Tokenizer.train` reads files: so a corpus of one document gives what the library gives on that file.
    """
    os.environ.setdefault("RAYON_NUM_THREADS", str(context.threads))
    from snakelm.train_tokenizer import existing
    from snakelm.train_tokenizer.kinds import untrained
    from snakelm.train_tokenizer.reproducible import train
    from snakelm.train_tokenizer.sharing import train_shared
    from snakelm.train_tokenizer.templates import add_template

    config, where = context.config, f"tokenizers.{context.name}"
    folder = context.parents.get("corpus")

    def batches() -> Iterator[list[str]]:
        return lines(folder) if folder is not None and config.kind != "bytes" else iter(())

    def on_corpus(tokenizer: Any, trainer: Any) -> Any:
        return train(tokenizer, trainer, batches, context.threads)

    trained = TrainedTokenizer(config.kind, config.role_tokens(), config.main_family)
    if config.existing is not None:
        found = existing.load(config, where)
        tokenizer = found.tokenizer
        if config.retrain:
            tokenizer = existing.retrain(tokenizer, config, where, batches, context.threads)
        trained = TrainedTokenizer(
            "existing", found.roles, max_length=found.max_length, inputs=tuple(found.inputs), **found.settings
        )
    else:
        tokenizer, trainer = untrained(config, where)
        if folder is not None and context.cache is not None and config.learns_in_order:
            tokenizer = train_shared(tokenizer, trainer, config, on_corpus, context.cache, folder.name)
        else:
            tokenizer = on_corpus(tokenizer, trainer)
        add_template(tokenizer, config, where)
    _probe(tokenizer, where)
    size = tokenizer.get_vocab_size()
    if config.existing is None or config.retrain:
        _judge_size(size, config, where)
    write(context.out / FILE, trained)
    (context.out / "tokenizer.json").write_text(tokenizer.to_str(pretty=True), encoding="utf-8")
    return {"vocab_size": size}


def _probe(tokenizer: Any, where: str) -> None:
    """Encode what no corpus holds: a model without an unk token may raise there, in the middle of later work."""
    try:
        tokenizer.encode("\U0001d518 \u2603\ufe0f \u0416 \x01 qzxj")
    except Exception as error:  # the bindings raise plain Exception
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{where}: it cannot encode unknown text ({reason}); add an unk token to special_tokens"
        ) from None


def _judge_size(size: int, config: TokenizerConfig, where: str) -> None:
    if config.kind in ("bytes", "custom") and config.existing is None:
        return
    if size > config.vocab_size:
        raise UserError(
            f"{where}.vocab_size: {config.vocab_size:,} is too small: special tokens and alphabet alone take {size:,}; "
            "raise it, or lower limit_alphabet"
        )
    if size < config.vocab_size:
        console.log.warning(
            f"{where}.vocab_size: the text fills only {size:,} of {config.vocab_size:,}; the vocabulary has {size:,}"
        )


def lines(folder: Path) -> Iterator[list[str]]:
    """The training split in batches of lines (split at \\n only, ends kept), a few documents in memory at a time."""
    if not corpus.has_split(folder, "train"):
        raise UserError(f"{folder}: no train.parquet to train a tokenizer on")
    batch: list[str] = []
    texts = corpus.iter_texts(folder, "train")
    with console.Progress("reading", documents(folder, "train"), "documents") as bar:
        for text in texts:
            batch += split_lines(text)
            if len(batch) >= LINES_A_BATCH:
                yield batch
                batch = []
            bar.advance()
    if batch:
        yield batch


def documents(folder: Path, split: str) -> int:
    import pyarrow.parquet

    return int(pyarrow.parquet.read_metadata(folder / f"{split}.parquet").num_rows)


def split_lines(text: str) -> list[str]:
    """The text's lines with their ends, split at \\n only: str.splitlines would also split at \\x0b, \\u2028, …"""
    pieces = text.split("\n")
    last = pieces.pop()
    found = [piece + "\n" for piece in pieces]
    return [*found, last] if last else found
