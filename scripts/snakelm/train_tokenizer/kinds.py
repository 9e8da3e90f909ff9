"""Each kind as parts of the `tokenizers` library: an untrained Tokenizer and the trainer that fills it.

The compositions are those of `tokenizers.implementations` (ByteLevelBPETokenizer, CharBPETokenizer,
SentencePieceBPETokenizer, BertWordPieceTokenizer, SentencePieceUnigramTokenizer), so a user of one of these
gets what they expect.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from snakelm.core.errors import UserError
from snakelm.train_tokenizer.components import added_token, build
from snakelm.train_tokenizer.config import TokenizerConfig


def untrained(config: TokenizerConfig, where: str) -> tuple[Tokenizer, Any]:
    """The Tokenizer without a vocabulary, and its trainer; `where` is the entry's key path, for messages."""
    tokenizer, trainer = _custom(config, where) if config.kind == "custom" else _KINDS[config.kind](config, where)
    _check_unknown(tokenizer, trainer, where)
    return tokenizer, trainer


def _check_unknown(tokenizer: Tokenizer, trainer: Any, where: str) -> None:
    """UserError if the model has no token for unknown text but fails without, or one that will not be there."""
    settings = next(iter(json.loads(trainer.__getstate__()).values()))
    if isinstance(trainer, trainers.UnigramTrainer):
        unk = settings["unk_token"]
        found = unk is not None  # the trainer puts it into the vocabulary
    else:
        unk = tokenizer.model.unk_token
        names = {token.content for token in trainer.special_tokens}
        found = unk in names or (unk is None and isinstance(tokenizer.model, models.BPE))
    if not found:
        reason = f"{unk!r} is not in its vocabulary" if unk else "it has no token for it"
        raise UserError(f"{where}: it cannot encode unknown text ({reason}); add an unk token to special_tokens")


def special_tokens(config: TokenizerConfig, where: str) -> list[AddedToken]:
    """The declared special tokens in id order; a family's mask token takes the space before it, as published."""
    if config.special_tokens is not None:
        return [added_token(token, f"{where}.special_tokens") for token in config.special_tokens]
    mask = config.role_tokens().get("mask_token")
    takes_space = config.main_family in ("roberta", "modernbert", "albert")
    return [
        AddedToken(token, special=True, normalized=False, lstrip=takes_space and token == mask)
        for token in config.declared_tokens()
    ]


def alphabet(config: TokenizerConfig, default: list[str]) -> list[str]:
    if config.initial_alphabet is None:
        return default
    if config.initial_alphabet == "bytes":
        return byte_alphabet()
    return list(config.initial_alphabet)


def without_none(arguments: dict[str, Any]) -> dict[str, Any]:
    """The bindings take no None for "not set"."""
    return {key: value for key, value in arguments.items() if value is not None}


def byte_alphabet() -> list[str]:
    return sorted(pre_tokenizers.ByteLevel.alphabet())


def _normalizer(config: TokenizerConfig, *parts: Any, unicode: str | None = None) -> Any:
    """Unicode normalization, the kind's own parts, then lowercasing and accents; None if there is nothing to do."""
    form = config.unicode_normalizer or unicode
    steps = [getattr(normalizers, form.upper())()] if form and form != "none" else []
    steps += parts
    if config.lowercase:
        steps.append(normalizers.Lowercase())
    if config.strip_accents:
        steps += [normalizers.NFD(), normalizers.StripAccents()]
    if len(steps) > 1:
        return normalizers.Sequence(steps)
    return steps[0] if steps else None


def _bpe_trainer(config: TokenizerConfig, where: str, default_alphabet: list[str], **extra: Any) -> Any:
    extra["max_token_length"] = config.max_token_length
    return trainers.BpeTrainer(
        vocab_size=config.vocab_size,
        min_frequency=config.least_frequency,
        special_tokens=special_tokens(config, where),
        initial_alphabet=alphabet(config, default_alphabet),
        show_progress=False,
        **without_none(extra),
    )


def _unk(config: TokenizerConfig) -> str | None:
    return config.role_tokens().get("unk_token")


def _byte_level_bpe(config: TokenizerConfig, where: str) -> tuple[Tokenizer, Any]:
    tokenizer = Tokenizer(models.BPE(dropout=config.dropout))
    tokenizer.normalizer = _normalizer(config)
    prefix = bool(config.add_prefix_space)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    tokenizer.decoder = decoders.ByteLevel()
    # the library's own class leaves add_prefix_space at True here, which trims the offsets of a first space wrongly
    tokenizer.post_processor = processors.ByteLevel(add_prefix_space=prefix, trim_offsets=config.trim_offsets)
    return tokenizer, _bpe_trainer(config, where, byte_alphabet())


def _bytes(config: TokenizerConfig, where: str) -> tuple[Tokenizer, Any]:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = _normalizer(config)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = special_tokens(config, where)
    return tokenizer, trainers.BpeTrainer(
        vocab_size=len(special) + 256, special_tokens=special, initial_alphabet=byte_alphabet(), show_progress=False
    )


def _char_bpe(config: TokenizerConfig, where: str) -> tuple[Tokenizer, Any]:
    suffix = config.end_of_word_suffix
    tokenizer = Tokenizer(models.BPE(unk_token=_unk(config), dropout=config.dropout, end_of_word_suffix=suffix))
    bert = [normalizers.BertNormalizer(lowercase=False)] if config.bert_normalizer else []
    tokenizer.normalizer = _normalizer(config, *bert)
    tokenizer.pre_tokenizer = (
        pre_tokenizers.WhitespaceSplit() if config.split_on_whitespace_only else pre_tokenizers.BertPreTokenizer()
    )
    tokenizer.decoder = decoders.BPEDecoder(suffix=suffix)
    return tokenizer, _bpe_trainer(config, where, [], limit_alphabet=config.limit_alphabet, end_of_word_suffix=suffix)


def _metaspace(config: TokenizerConfig, tokenizer: Tokenizer) -> None:
    scheme = "never" if config.add_prefix_space is False else "always"
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=config.replacement, prepend_scheme=scheme)
    decoder = decoders.Metaspace(replacement=config.replacement, prepend_scheme=scheme)
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoder]) if config.byte_fallback else decoder


def _sentencepiece_normalizer(config: TokenizerConfig, *parts: Any) -> Any:
    """SentencePiece's own rule nmt_nfkc. The library's SentencePieceBPETokenizer leaves Nmt out, so line ends enter
    its tokens and the merges.txt that it saves cannot be read again."""
    rest = _normalizer(config, *parts, unicode="nfkc")
    return normalizers.Sequence([normalizers.Nmt(), rest]) if rest is not None else normalizers.Nmt()


def _sentencepiece_bpe(config: TokenizerConfig, where: str) -> tuple[Tokenizer, Any]:
    tokenizer = Tokenizer(
        models.BPE(
            unk_token=_unk(config),
            dropout=config.dropout,
            fuse_unk=config.fuse_unk,
            byte_fallback=config.byte_fallback,
        )
    )
    tokenizer.normalizer = _sentencepiece_normalizer(config)
    _metaspace(config, tokenizer)
    return tokenizer, _bpe_trainer(config, where, [], limit_alphabet=config.limit_alphabet)


def _bert_wordpiece(config: TokenizerConfig, where: str) -> tuple[Tokenizer, Any]:
    prefix = config.continuing_subword_prefix
    unk = _unk(config)
    if unk is None:
        raise UserError(f"{where}: kind bert_wordpiece needs an unk token; add '[UNK]' to special_tokens")
    tokenizer = Tokenizer(
        models.WordPiece(
            unk_token=unk,
            continuing_subword_prefix=prefix,
            max_input_chars_per_word=config.max_input_chars_per_word,
        )
    )
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=config.clean_text,
        handle_chinese_chars=config.handle_chinese_chars,
        strip_accents=config.strip_accents,
        lowercase=config.lowercase is not False,
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix=prefix)
    return tokenizer, trainers.WordPieceTrainer(
        vocab_size=config.vocab_size,
        min_frequency=config.least_frequency,
        special_tokens=special_tokens(config, where),
        initial_alphabet=alphabet(config, []),
        continuing_subword_prefix=prefix,
        show_progress=False,
        **without_none({"limit_alphabet": config.limit_alphabet}),
    )


def _sentencepiece_unigram(config: TokenizerConfig, where: str) -> tuple[Tokenizer, Any]:
    tokenizer = Tokenizer(models.Unigram([("", 0.0)], 0, config.byte_fallback))
    tokenizer.normalizer = _sentencepiece_normalizer(config, normalizers.Replace(Regex(" {2,}"), " "))
    _metaspace(config, tokenizer)
    return tokenizer, trainers.UnigramTrainer(
        vocab_size=config.vocab_size,
        special_tokens=special_tokens(config, where),
        initial_alphabet=alphabet(config, []),
        shrinking_factor=config.shrinking_factor,
        n_sub_iterations=config.n_sub_iterations,
        max_piece_length=config.max_token_length or 16,
        unk_token=_unk(config),
        show_progress=False,
    )


def _word_level(config: TokenizerConfig, where: str) -> tuple[Tokenizer, Any]:
    tokenizer = Tokenizer(_word_level_model(config, where))
    tokenizer.normalizer = _normalizer(config)
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer, _word_level_trainer(config, where)


def _characters(config: TokenizerConfig, where: str) -> tuple[Tokenizer, Any]:
    tokenizer = Tokenizer(_word_level_model(config, where))
    tokenizer.normalizer = _normalizer(config)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"(?m:.)|\n"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return tokenizer, _word_level_trainer(config, where)


def _word_level_model(config: TokenizerConfig, where: str) -> models.WordLevel:
    unk = _unk(config)
    if unk is None:
        raise UserError(f"{where}: kind {config.kind} needs an unk token; add '<unk>' to special_tokens")
    return models.WordLevel(unk_token=unk)


def _word_level_trainer(config: TokenizerConfig, where: str) -> trainers.WordLevelTrainer:
    return trainers.WordLevelTrainer(
        vocab_size=config.vocab_size,
        min_frequency=config.least_frequency,
        special_tokens=special_tokens(config, where),
        show_progress=False,
    )


_TRAINER_OF = {
    "BPE": "BpeTrainer",
    "WordPiece": "WordPieceTrainer",
    "WordLevel": "WordLevelTrainer",
    "Unigram": "UnigramTrainer",
}


def _custom(config: TokenizerConfig, where: str) -> tuple[Tokenizer, Any]:
    model = build("model", config.model, f"{where}.model", **without_none({"unk_token": _unk(config)}))
    tokenizer = Tokenizer(model)
    for role in ("normalizer", "pre_tokenizer", "decoder", "post_processor"):
        if (step := getattr(config, role)) is not None and step != []:
            setattr(tokenizer, role, build(role, step, f"{where}.{role}"))
    kind = type(model).__name__
    step = config.trainer if config.trainer is not None else _TRAINER_OF[kind]
    extra: dict[str, Any] = {"special_tokens": special_tokens(config, where), "show_progress": False}
    if kind == "BPE":
        extra["end_of_word_suffix"] = model.end_of_word_suffix
        extra["continuing_subword_prefix"] = model.continuing_subword_prefix
    elif kind == "WordPiece":
        extra["continuing_subword_prefix"] = model.continuing_subword_prefix
    elif kind == "Unigram":
        extra["unk_token"] = _unk(config)
    if isinstance(step, dict) and step.get("initial_alphabet") == "bytes":
        step = {**step, "initial_alphabet": byte_alphabet()}
    trainer = build("trainer", step, f"{where}.trainer", **without_none(extra))
    if type(trainer).__name__ != _TRAINER_OF[kind]:
        raise UserError(f"{where}.trainer: {type(trainer).__name__} does not train a {kind}; use {_TRAINER_OF[kind]}")
    return tokenizer, trainer


_KINDS: dict[str, Callable[[TokenizerConfig, str], tuple[Tokenizer, Any]]] = {
    "byte_level_bpe": _byte_level_bpe,
    "bytes": _bytes,
    "char_bpe": _char_bpe,
    "sentencepiece_bpe": _sentencepiece_bpe,
    "bert_wordpiece": _bert_wordpiece,
    "sentencepiece_unigram": _sentencepiece_unigram,
    "word_level": _word_level,
    "characters": _characters,
}
