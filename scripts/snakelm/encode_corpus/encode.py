"""Turn a corpus into flat files of token ids that any model, sequence length and epoch can read by position.

What the run holds, for each split of the corpus:

- `<split>.bin`: the ids of all documents in order, little-endian uint16 (uint32 from 65,536 tokens on), with the
  separator after each document; a memory map reads it without loading it.
- `<split>.words`: one bit per token (numpy.packbits order): 1 where a word begins, as the tokenizer's
  pre-tokenizer sees words, or as whitespace separates them where it sees none. Whole-word masking needs it.
- `<split>.offsets.npy`: where each document begins, and the end, in tokens (int64).
- `encoded.json`: counts per split (tokens, documents, characters, UTF-8 bytes, unknown tokens) and the separator; where
  the corpus has named sources, the tokens from begin to before end that each of them is, and its UTF-8 bytes.

A document longer than PIECE characters is encoded in pieces cut at line ends, so that memory stays bounded.
Special tokens that a document spells out ("<mask>") are encoded as the plain text they are.
Memory: one batch of about BATCH characters and its encodings. Output does not depend on the number of threads.
"""

from __future__ import annotations

import itertools
import json
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snakelm.artifacts.files import write_json
from snakelm.core.console import Progress, log
from snakelm.core.errors import UserError
from snakelm.encode_corpus.config import EncodeConfig
from snakelm.readers import corpus
from snakelm.runs.context import RunContext
from snakelm.tokenization.outside import read_tokenizer
from snakelm.tokenization.unknown import unknown_token

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

BATCH = 4_000_000
"""Characters encoded at a time."""
PIECE = 1_000_000
"""Longest piece of a document that is encoded at once, in characters."""
MANY_UNKNOWN = 0.01


def encode_corpus(context: RunContext[EncodeConfig]) -> dict[str, Any]:
    """Parents: corpus, tokenizer. Writes the files above; returns the counts of the training split.

    Raises UserError for a corpus without training text and for a tokenizer without the separator asked for.
    """
    os.environ["RAYON_NUM_THREADS"] = str(context.threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if context.threads > 1 else "false"
    tokenizer = read_tokenizer(context.parents["tokenizer"])
    if not tokenizer.is_fast:
        raise UserError(
            f"{context.name}: the tokenizer has no tokenizer.json (only fast tokenizers can encode a corpus)"
        )
    separator = _separator(tokenizer, context.config.separator)
    size = max(tokenizer.get_vocab().values(), default=0) + 1
    dtype = np.dtype("<u2" if size <= 65_536 else "<u4")
    splits: dict[str, dict[str, Any]] = {}
    for split in corpus.SPLITS:
        if corpus.has_split(context.parents["corpus"], split):
            splits[split] = _encode_split(context, tokenizer, split, separator, dtype)
    if not splits.get("train", {}).get("tokens"):
        raise UserError(
            f"{context.name}: the corpus has no text to train on: every document of its train split is empty"
        )
    about = {"dtype": dtype.str, "vocab_size": size, "separator": separator, "splits": splits}
    write_json(context.out / "encoded.json", about)
    train = splits["train"]
    _warn_of_unknown(train, tokenizer)
    return {
        "tokens": train["tokens"],
        "validation_tokens": splits.get("validation", {}).get("tokens", 0),
        "documents": train["documents"],
        "bytes_per_token": round(train["bytes"] / train["tokens"], 4),
    }


def _encode_split(
    context: RunContext[EncodeConfig],
    tokenizer: PreTrainedTokenizerBase,
    split: str,
    separator: int | None,
    dtype: np.dtype,
) -> dict[str, Any]:
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    backend.encode_special_tokens = True
    count = dict.fromkeys(("tokens", "documents", "characters", "bytes", "unknown"), 0)
    ends = array("q", [0])
    runs = corpus.source_runs(context.parents["corpus"], split)
    last_of_run = set(itertools.accumulate(documents for _, documents in runs))
    bytes_until = [0]
    unknown = _unknown(backend)
    splits_words = _splits_words(backend)
    with (
        open(context.out / f"{split}.bin", "wb") as ids_file,
        _BitFile(context.out / f"{split}.words") as words_file,
        Progress(f"encoding {split}", unit="documents") as bar,
    ):
        for batch in _batches(_pieces(corpus.iter_texts(context.parents["corpus"], split))):
            encodings = backend.encode_batch([text for text, _ in batch], add_special_tokens=False)
            for (text, last), encoding in zip(batch, encodings, strict=True):
                ids = np.array(encoding.ids, dtype=np.int64)
                count["unknown"] += int((ids == unknown).sum()) if unknown is not None else 0
                starts = _word_starts(encoding.word_ids) if splits_words else _whitespace_starts(encoding.offsets, text)
                if last and separator is not None:
                    ids, starts = np.append(ids, separator), np.append(starts, True)
                ids_file.write(ids.astype(dtype).tobytes())
                words_file.write(starts)
                count["tokens"] += len(ids)
                count["characters"] += len(text)
                count["bytes"] += len(text.encode("utf-8", "replace"))
                if last:
                    count["documents"] += 1
                    ends.append(count["tokens"])
                    if count["documents"] in last_of_run:
                        bytes_until.append(count["bytes"])
            bar.advance(sum(last for _, last in batch), tokens=f"{count['tokens']:,}")
    np.save(context.out / f"{split}.offsets.npy", np.frombuffer(ends, dtype=np.int64).astype("<i8"))
    return {**count, "sources": _spans(runs, ends, bytes_until)} if runs else {**count}


def _spans(runs: list[tuple[str, int]], ends: Sequence[int], bytes_until: list[int]) -> list[dict[str, Any]]:
    """Where each source lies among the tokens. `ends`: tokens before each document, and all; `bytes_until`: UTF-8
    bytes before each source, and all."""
    spans, document = [], 0
    for number, (name, documents) in enumerate(runs):
        begin, document = ends[document], document + documents
        size = bytes_until[number + 1] - bytes_until[number]
        spans.append({"name": name, "begin": begin, "end": ends[document], "bytes": size})
    return spans


def _unknown(backend: Tokenizer) -> int | None:
    """Id of what the model itself puts for unknown text; the token in the role of `unk` may be another (GPT-2's is
    the end of text, which a byte-level model never puts for a text)."""
    token = unknown_token(json.loads(backend.to_str())["model"])
    return None if token is None else backend.token_to_id(token)


def _separator(tokenizer: PreTrainedTokenizerBase, which: str) -> int | None:
    if which == "none":
        return None
    found = (getattr(tokenizer, f"{role}_token_id") for role in (("eos", "sep") if which == "auto" else (which,)))
    token: int | None = next((number for number in found if number is not None), None)
    if token is None and which != "auto":
        raise UserError(f"separator: {which}: the tokenizer has no {which} token; add one, or set separator: none")
    return token


def _word_starts(words: list[int | None]) -> np.ndarray:
    """True where a token begins a word: its word's number differs from the one before (tokens of no word begin one)."""
    numbers_T = np.array([-1 if word is None else word for word in words], dtype=np.int64)
    starts_T = np.ones(len(numbers_T), dtype=bool)
    starts_T[1:] = (numbers_T[1:] != numbers_T[:-1]) | (numbers_T[1:] < 0)
    return starts_T


def _splits_words(backend: Tokenizer) -> bool:
    """Whether the pre-tokenizer cuts text into words: some leave it whole, some cut it into characters."""
    pieces = backend.pre_tokenizer.pre_tokenize_str("ab cd ef") if backend.pre_tokenizer is not None else []
    return 3 <= len(pieces) <= 5


def _whitespace_starts(offsets: list[tuple[int, int]], text: str) -> np.ndarray:
    """True where a token begins with whitespace and the one before does not: words as whitespace separates them."""
    space_T = np.array([text[begin : begin + 1].isspace() for begin, _ in offsets], dtype=bool)
    starts_T = space_T.copy()
    starts_T[1:] &= ~space_T[:-1]
    starts_T[:1] = True
    return starts_T


def _pieces(texts: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Each document as (piece, whether it is its last), cut after the last line end within PIECE characters."""
    for text in texts:
        begin = 0
        while len(text) - begin > PIECE:
            end = text.rfind("\n", begin, begin + PIECE) + 1
            if end <= begin:
                end = begin + PIECE
            yield text[begin:end], False
            begin = end
        yield text[begin:], True


def _batches(pieces: Iterable[tuple[str, bool]]) -> Iterator[list[tuple[str, bool]]]:
    batch: list[tuple[str, bool]] = []
    size = 0
    for piece in pieces:
        batch.append(piece)
        size += len(piece[0]) + 16
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _warn_of_unknown(count: dict[str, int], tokenizer: PreTrainedTokenizerBase) -> None:
    if (share := count["unknown"] / count["tokens"]) > MANY_UNKNOWN:
        log.warning(
            f"{share:.1%} of the training tokens are {tokenizer.unk_token}: the tokenizer does not know this text's"
            " characters; train it on this corpus, or use a byte-level one"
        )


class _BitFile:
    """Writes booleans eight to a byte, whatever the lengths in which they come."""

    def __init__(self, path: Path):
        self._file = open(path, "wb")  # noqa: SIM115 - closed by __exit__
        self._rest = np.zeros(0, dtype=bool)

    def __enter__(self) -> _BitFile:
        return self

    def write(self, bits: np.ndarray) -> None:
        bits = np.concatenate([self._rest, bits])
        whole = len(bits) // 8 * 8
        self._file.write(np.packbits(bits[:whole]).tobytes())
        self._rest = bits[whole:]

    def __exit__(self, *exc: object) -> None:
        self._file.write(np.packbits(self._rest).tobytes())
        self._file.close()
