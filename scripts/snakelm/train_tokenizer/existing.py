"""Taking over a tokenizer from a folder or the Hub, or training a new vocabulary of its kind."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tokenizers import AddedToken, Tokenizer, trainers

from snakelm.core import console
from snakelm.core.errors import UserError
from snakelm.core.outside import folder_of
from snakelm.tokenization.families import ROLES
from snakelm.tokenization.outside import read_tokenizer
from snakelm.tokenization.unknown import unknown_token
from snakelm.train_tokenizer.config import TokenizerConfig
from snakelm.train_tokenizer.kinds import alphabet, byte_alphabet, without_none
from snakelm.train_tokenizer.reproducible import train
from snakelm.train_tokenizer.words import Batches

_SETTINGS = ("padding_side", "truncation_side", "chat_template")


@dataclass
class Existing:
    """What is taken over: the tokenizer, role → token, the longest input it states (None: none)."""

    tokenizer: Tokenizer
    roles: dict[str, str]
    max_length: int | None
    inputs: list[str]
    """What its models take: input_ids, attention_mask, for some token_type_ids."""
    settings: dict[str, str]
    """Other settings of its tokenizer_config.json that matter to users: side of padding, chat template."""


def load(config: TokenizerConfig, where: str) -> Existing:
    """Load by AutoTokenizer without running code of its own; UserError for no such tokenizer, or no fast one."""
    name = str(config.existing)
    folder = folder_of(name)
    if folder is not None and not folder.is_dir():
        raise UserError(f"{where}.existing: there is no folder {name!r}; give a folder or a Hub name (owner/name)")
    try:
        auto = read_tokenizer(folder or name, repr(name), revision=config.revision)
    except UserError as error:
        why = str(error)
        if folder and not (folder / "tokenizer.json").exists() and any(folder.glob("*.model")):
            why = (
                f"{name!r}: it has a SentencePiece or tiktoken file, but no tokenizer.json; make one where "
                "sentencepiece or tiktoken is installed: AutoTokenizer.from_pretrained(folder).save_pretrained(folder)"
            )
        raise UserError(f"{where}.existing: {why}") from error
    if not getattr(auto, "is_fast", False):
        raise UserError(f"{where}.existing: {name!r} has no tokenizer.json and cannot be converted to one")
    if folder is None and config.revision is None:
        console.log.warning(f"{where}.existing: {name!r} may change on the Hub; state its `revision`")
    roles = {role: str(token) for role in ROLES if (token := getattr(auto, role, None)) is not None}
    limit = auto.model_max_length if auto.model_max_length < 10**12 else None
    stated = {key: getattr(auto, key, None) for key in _SETTINGS}
    settings = {key: value for key, value in stated.items() if isinstance(value, str) and value != "right"}
    tokenizer = Tokenizer.from_str(auto.backend_tokenizer.to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return Existing(tokenizer, roles, limit, list(auto.model_input_names), settings)


def retrain(existing: Tokenizer, config: TokenizerConfig, where: str, batches: Batches, threads: int = 1) -> Tokenizer:
    """A tokenizer of the same parts and special tokens with a vocabulary learned from the text.

    Does what transformers' `train_new_from_iterator` does, but reproducibly. Special tokens keep their order and move
    to the start of the vocabulary.
    """
    parts = json.loads(existing.to_str())
    model, kind = parts["model"], parts["model"]["type"]
    added = sorted(parts.pop("added_tokens"), key=lambda token: token["id"])
    post_processor = parts.pop("post_processor")
    special = [
        AddedToken(**{key: value for key, value in token.items() if key != "id"}) for token in added if token["special"]
    ]
    unk = unknown_token(model)
    if unk is not None and kind != "Unigram" and all(token.content != unk for token in special):
        special.insert(0, AddedToken(unk, special=True, normalized=False))  # was an ordinary entry
    settings: dict[str, Any] = {"vocab_size": config.vocab_size, "special_tokens": special, "show_progress": False}
    if kind != "Unigram":
        settings["min_frequency"] = config.least_frequency
    if kind != "WordLevel":
        settings["initial_alphabet"] = alphabet(config, byte_alphabet() if '"ByteLevel"' in json.dumps(parts) else [])
    if kind in ("BPE", "WordPiece"):
        settings["limit_alphabet"] = None if settings["initial_alphabet"] else config.limit_alphabet
        settings["continuing_subword_prefix"] = model.get("continuing_subword_prefix")
    if kind == "BPE":
        settings["end_of_word_suffix"] = model.get("end_of_word_suffix")
        settings["max_token_length"] = config.max_token_length
        model["merges"] = []
    if kind == "Unigram":
        settings |= {"unk_token": unk, "max_piece_length": config.max_token_length or 16}
        model |= {"vocab": [[unk or "", 0.0]], "unk_id": 0}
    else:
        model["vocab"] = {}
    names = {"BPE": "BpeTrainer", "WordPiece": "WordPieceTrainer", "WordLevel": "WordLevelTrainer"}
    trainer = getattr(trainers, names.get(kind, "UnigramTrainer"))(**without_none(settings))
    untrained = Tokenizer.from_str(json.dumps(parts | {"added_tokens": [], "post_processor": None}))
    trained = json.loads(train(untrained, trainer, batches, threads).to_str())
    ids = {token["content"]: token["id"] for token in trained["added_tokens"]}
    trained["post_processor"] = _with_ids(post_processor, ids, where)
    return Tokenizer.from_str(json.dumps(trained, ensure_ascii=False))


def _with_ids(part: Any, ids: dict[str, int], where: str) -> Any:
    """A post-processor (JSON) with the new ids of its special tokens."""
    if part is None:
        return None
    if part["type"] == "Sequence":
        return {**part, "processors": [_with_ids(one, ids, where) for one in part["processors"]]}
    try:
        if part["type"] == "TemplateProcessing":
            special = {
                name: {**entry, "ids": [ids[token] for token in entry["tokens"]]}
                for name, entry in part["special_tokens"].items()
            }
            return {**part, "special_tokens": special}
        return {**part, **{key: [part[key][0], ids[part[key][0]]] for key in ("cls", "sep") if key in part}}
    except KeyError as error:
        raise UserError(
            f"{where}.existing: its post-processor uses {error}, which is not one of its special tokens"
        ) from None
