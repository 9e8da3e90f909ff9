"""Reading the classic vocabulary files: vocab.json + merges.txt, vocab.txt, vocab.json, unigram.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models


def has_classic(folder: Path) -> bool:
    return any((folder / name).exists() for name in ("vocab.json", "vocab.txt", "unigram.json"))


def from_classic(folder: Path) -> Tokenizer:
    """The tokenizer with its model read from the classic files (vocab.json + merges.txt, vocab.txt, unigram.json)."""
    parts = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_str(json.dumps(parts))
    tokenizer.model = classic_model(folder, parts["model"])
    return tokenizer


def classic_model(folder: Path, settings: dict[str, Any]) -> models.Model:
    """The model class on the classic files, with the settings that these files do not carry."""
    kind = settings["type"]
    if kind == "BPE":
        names = ("unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback")
        chosen = {name: settings[name] for name in (*names, "ignore_merges") if settings.get(name) is not None}
        return models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"), **chosen)
    if kind == "WordPiece":
        required = ("unk_token", "continuing_subword_prefix", "max_input_chars_per_word")
        return models.WordPiece.from_file(str(folder / "vocab.txt"), **{name: settings[name] for name in required})
    if kind == "WordLevel":
        return models.WordLevel.from_file(str(folder / "vocab.json"), unk_token=settings["unk_token"])
    stored = json.loads((folder / "unigram.json").read_text(encoding="utf-8"))
    vocab = [(piece, score) for piece, score in stored["vocab"]]
    return models.Unigram(vocab, stored["unk_id"], stored.get("byte_fallback", False))
