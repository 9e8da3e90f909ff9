"""The recipe's `tokenizers:` entries, and what can be said about one without loading a library."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from snakelm.core.config import Repeatable, outside, reference
from snakelm.core.errors import did_you_mean
from snakelm.tokenization.families import FAMILIES, ROLES, Family, family_of
from snakelm.tokenization.needs import TokenNeed

Kind = Literal[
    "byte_level_bpe",
    "char_bpe",
    "sentencepiece_bpe",
    "bert_wordpiece",
    "sentencepiece_unigram",
    "word_level",
    "characters",
    "bytes",
    "custom",
]
Step = str | dict[str, Any]
"""A component of `tokenizers`: its name, or {type: name, argument: value, …}."""

_NORMALIZING = {"lowercase", "strip_accents", "unicode_normalizer"}
_BPE = {"vocab_size", "min_frequency", "initial_alphabet", "limit_alphabet", "max_token_length", "dropout"}
OPTIONS: dict[str, set[str]] = {
    "byte_level_bpe": _BPE - {"limit_alphabet"} | _NORMALIZING | {"add_prefix_space", "trim_offsets"},
    "char_bpe": _BPE | _NORMALIZING | {"bert_normalizer", "split_on_whitespace_only", "end_of_word_suffix"},
    "sentencepiece_bpe": _BPE | _NORMALIZING | {"add_prefix_space", "replacement", "fuse_unk", "byte_fallback"},
    "bert_wordpiece": {"vocab_size", "min_frequency", "initial_alphabet", "limit_alphabet"}
    | {"lowercase", "strip_accents", "clean_text", "handle_chinese_chars"}
    | {"continuing_subword_prefix", "max_input_chars_per_word"},
    "sentencepiece_unigram": {"vocab_size", "initial_alphabet", "max_token_length", "shrinking_factor"}
    | {"n_sub_iterations", "add_prefix_space", "replacement", "byte_fallback"}
    | _NORMALIZING,
    "word_level": {"vocab_size", "min_frequency"} | _NORMALIZING,
    "characters": {"vocab_size", "min_frequency"} | _NORMALIZING,
    "bytes": set(_NORMALIZING),
    "custom": {"normalizer", "pre_tokenizer", "model", "decoder", "post_processor", "trainer"},
}
"""Which options mean something for which kind; setting another one is refused."""
SPECIAL_KEYS = frozenset({"family", "special_tokens", "template_single", "template_pair", *ROLES})
"""The keys that say which special tokens there are, and where they go."""
_ANY_KIND = {"attempt", "corpus", "kind", *SPECIAL_KEYS}
_FAMILY_OF_KIND = {"bert_wordpiece": "bert", "byte_level_bpe": "none", "bytes": "none", "custom": "none"}
_LEARNED_IN_ORDER = {"byte_level_bpe", "char_bpe", "sentencepiece_bpe", "bert_wordpiece", "word_level", "characters"}
REBUILT = frozenset({"qwen2", "qwen3_5", "qwen3_5_moe", "qwen3_5_moe_text", "qwen4_exp"})
"""Model types for which transformers 5.23's AutoTokenizer ignores the class that a model folder states and rebuilds the
tokenizer with the architecture's own pre-tokenizer, so that ids would silently differ."""
_RETRAIN = {"vocab_size", "min_frequency", "limit_alphabet", "initial_alphabet", "max_token_length"}


class TokenizerConfig(Repeatable):
    """One tokenizer: a kind trained on a corpus, or an existing one taken over or retrained."""

    corpus: str | None = reference(
        "corpora", None, description="Name in `corpora` of the text it is trained and measured on."
    )
    kind: Kind = Field("byte_level_bpe", description="Kind of tokenizer; `custom` composes one from named parts.")
    vocab_size: int = Field(
        30000,
        gt=0,
        le=10_000_000,
        description="Size of the vocabulary: special tokens, alphabet and learned pieces together.",
    )
    min_frequency: int | None = Field(
        None,
        ge=0,
        le=1_000_000_000,
        description="Fewest occurrences of a pair (or word) that is learned; null = 1 for characters, else 2.",
    )
    initial_alphabet: list[str] | Literal["bytes"] | None = Field(
        None,
        description="Characters to include even if they do not occur; `bytes` = all 256 bytes; null = the kind's "
        "default (`bytes` for byte_level_bpe, none for the others).",
    )
    limit_alphabet: int | None = Field(
        1000,
        gt=0,
        le=0x110000,
        description="Maximum size of the alphabet, which keeps the most frequent characters; null = no limit.",
    )
    max_token_length: int | None = Field(
        None,
        gt=0,
        le=1_000_000_000,
        description="Maximum length of a token in characters; null = no limit (sentencepiece_unigram: 16).",
    )
    shrinking_factor: float = Field(
        0.75, gt=0, lt=1, description="Unigram: share of the pieces kept at each pruning of the vocabulary."
    )
    n_sub_iterations: int = Field(2, gt=0, le=1000, description="Unigram: EM iterations before each pruning.")
    dropout: float | None = Field(
        None, ge=0, le=1, description="BPE-dropout: chance that a merge is skipped whenever text is encoded."
    )
    lowercase: bool | None = Field(None, description="Lowercase all text; null = true for bert_wordpiece, else false.")
    strip_accents: bool | None = Field(None, description="Remove accents; null = only where bert_wordpiece lowercases.")
    unicode_normalizer: Literal["nfc", "nfd", "nfkc", "nfkd", "none"] | None = Field(
        None, description="Unicode normalization; null = the kind's default (nfkc for the sentencepiece kinds)."
    )
    clean_text: bool = Field(True, description="bert_wordpiece: drop control characters, make all whitespace spaces.")
    handle_chinese_chars: bool = Field(True, description="bert_wordpiece: put spaces around Chinese characters.")
    bert_normalizer: bool = Field(True, description="char_bpe: clean text as BERT does, and split off punctuation.")
    split_on_whitespace_only: bool = Field(False, description="char_bpe: leave punctuation on the words.")
    add_prefix_space: bool | None = Field(
        None,
        description="Treat the first word like those after a space; null = true for the sentencepiece kinds, "
        "false for byte_level_bpe.",
    )
    trim_offsets: bool = Field(True, description="byte_level_bpe: leave the space out of a token's offsets.")
    replacement: str = Field("▁", min_length=1, max_length=1, description="Character that stands for a space.")
    fuse_unk: bool = Field(False, description="sentencepiece_bpe: one unknown token for a run of unknown characters.")
    byte_fallback: bool = Field(
        False, description="Sentencepiece kinds: spell unknown characters with 256 byte tokens (<0x00> … <0xFF>)."
    )
    end_of_word_suffix: str = Field("</w>", min_length=1, description="char_bpe: mark of a token that ends a word.")
    continuing_subword_prefix: str = Field(
        "##", min_length=1, description="bert_wordpiece: mark of a token that does not begin a word."
    )
    max_input_chars_per_word: int = Field(
        100, gt=0, le=1_000_000_000, description="bert_wordpiece: longer words become the unknown token."
    )

    family: str | list[str] | None = Field(
        None,
        description="Model family whose special tokens and templates it gets: " + ", ".join(sorted(FAMILIES)) + "; "
        "a list makes a tokenizer of each; null = the families of the models that use it; if no model does: bert for "
        "bert_wordpiece, none for the byte kinds and custom, else unk.",
        examples=["roberta", ["gpt2", "roberta"]],
    )
    special_tokens: list[Step] | None = Field(
        None,
        description="Special tokens in the order of their ids, as text or {content, lstrip, rstrip, single_word, "
        "normalized}; null = the family's.",
    )
    bos_token: str | None = Field(None, description="Token that begins a text; null = the family's.")
    eos_token: str | None = Field(None, description="Token that ends a text; null = the family's.")
    unk_token: str | None = Field(None, description="Token for what is not in the vocabulary; null = the family's.")
    sep_token: str | None = Field(None, description="Token between two texts; null = the family's.")
    pad_token: str | None = Field(None, description="Token that pads the texts of a batch; null = the family's.")
    cls_token: str | None = Field(None, description="Token that stands for the whole text; null = the family's.")
    mask_token: str | None = Field(None, description="Token that hides what is to be predicted; null = the family's.")
    template_single: str | None = Field(
        None,
        description="Special tokens around one text, such as `[CLS] $A [SEP]`; null = the family's.",
        examples=["$A"],
    )
    template_pair: str | None = Field(
        None,
        description="The same for two texts, `:1` sets type ids: `[CLS] $A [SEP] $B:1 [SEP]:1`; null = the family's.",
        examples=["$A $B:1"],
    )

    normalizer: Step | list[Step] | None = Field(
        None, description="custom: normalizer, or a list of them in order.", examples=["NFC", ["NFD", "StripAccents"]]
    )
    pre_tokenizer: Step | list[Step] | None = Field(
        None, description="custom: pre-tokenizer, or a list of them.", examples=["WhitespaceSplit", "ByteLevel"]
    )
    model: Step | None = Field(
        None,
        description="custom: BPE, WordPiece, WordLevel or Unigram, with arguments.",
        examples=["BPE", {"type": "WordLevel", "unk_token": "<unk>"}],
    )
    decoder: Step | list[Step] | None = Field(
        None, description="custom: decoder, or a list of them in order.", examples=["ByteLevel"]
    )
    post_processor: Step | list[Step] | None = Field(
        None,
        description="custom: post-processor, or a list; null = the template of the family.",
        examples=["ByteLevel"],
    )
    trainer: Step | None = Field(
        None,
        description="custom: trainer, with arguments; null = the model's own.",
        examples=[{"type": "WordLevelTrainer", "min_frequency": 3}],
    )

    existing: str | None = outside(
        None, description="Folder or Hub name of a tokenizer to take over instead of training a kind."
    )
    revision: str | None = Field(None, description="Commit, tag or branch of `existing` on the Hub.")
    retrain: bool = Field(False, description="Train a new vocabulary of `existing`'s kind on the corpus.")

    @field_validator("family")
    @classmethod
    def _families_known(cls, value: str | list[str] | None) -> str | list[str] | None:
        if value is None:
            return None
        families = [value] if isinstance(value, str) else list(dict.fromkeys(value))
        for family in families:
            if family not in FAMILIES:
                raise ValueError(f"unknown family {family!r}{did_you_mean(family, FAMILIES)}")
        if not families:
            raise ValueError("family is an empty list; name one, or leave it out")
        return families if len(families) > 1 else families[0]

    @field_validator("special_tokens")
    @classmethod
    def _special_tokens_sound(cls, value: list[Step] | None) -> list[Step] | None:
        seen: set[str] = set()
        for token in value or ():
            content = token_content(token)
            if content in seen:
                raise ValueError(f"special token {content!r} is listed twice")
            seen.add(content)
        return value

    @property
    def least_frequency(self) -> int:
        """`min_frequency`, or the kind's default."""
        if self.min_frequency is not None:
            return self.min_frequency
        return 1 if self.kind == "characters" else 2

    @model_validator(mode="after")
    def _options_fit(self) -> TokenizerConfig:
        chosen = self.changed() & set(TokenizerConfig.model_fields)
        if self.existing is not None:
            allowed = {"attempt", "corpus", "existing", "revision", "retrain"} | (_RETRAIN if self.retrain else set())
            lost = sorted(chosen - allowed - {"family"})
            if lost:
                why = "" if self.retrain else " (retrain: true takes a new vocabulary)"
                raise ValueError(f"{', '.join(lost)}: no effect on an existing tokenizer{why}; remove it")
            if self.retrain and self.corpus is None:
                raise ValueError("retrain: true needs a corpus")
            return self
        lost = sorted(chosen - OPTIONS[self.kind] - _ANY_KIND - {"existing", "revision", "retrain"})
        if lost:
            raise ValueError(f"{', '.join(lost)}: no effect on kind {self.kind}; remove it")
        if self.revision or self.retrain:
            raise ValueError("revision and retrain belong to `existing`; name the tokenizer there")
        if self.corpus is None and self.kind != "bytes":
            raise ValueError(f"kind {self.kind} needs a corpus to be trained on")
        if self.kind == "custom" and self.model is None:
            raise ValueError("kind custom needs a model: BPE, WordPiece, WordLevel or Unigram")
        declared = self.declared_tokens()
        for name, token in self.role_tokens().items():
            if token not in declared:
                raise ValueError(f"{name} {token!r} is not among special_tokens; add it there")
        return self

    def smallest_size(self) -> int:
        """Entries that the vocabulary has before anything is read or learned: special tokens, alphabet, bytes."""
        is_bytes = self.initial_alphabet == "bytes" or (self.initial_alphabet is None and self.kind == "byte_level_bpe")
        alphabet = 256 if is_bytes else len(set(self.initial_alphabet or ()))
        return len(self.declared_tokens()) + alphabet + 256 * self.byte_fallback

    @property
    def main_family(self) -> str | None:
        """The family that is set; of a list, which loading a recipe makes an entry each of, the first."""
        return self.family[0] if isinstance(self.family, list) else self.family

    def resolved_family(self) -> Family:
        """The family in force: as set (or filled in from the models), else the kind's own."""
        return FAMILIES[self.main_family or _FAMILY_OF_KIND.get(self.kind, "unk")]

    @property
    def learns_in_order(self) -> bool:
        """Whether a smaller vocabulary is the beginning of a larger one, so that one learned without special tokens
        serves behind any. Unigram prunes to the size wanted, and bytes have nothing to learn."""
        return self.existing is None and self.kind in _LEARNED_IN_ORDER

    def declared_tokens(self) -> list[str]:
        """The special tokens in id order: those listed, else the family's with the roles that were set by hand."""
        if self.special_tokens is not None:
            return [token_content(token) for token in self.special_tokens]
        family = self.resolved_family()
        by_hand = [token for name in ROLES if (token := getattr(self, name)) is not None]
        return list(dict.fromkeys([*family.tokens, *family.extra, *by_hand]))

    def role_tokens(self) -> dict[str, str]:
        """Role (`pad_token`, …) → token: as set, else the family's where its token is declared."""
        declared, family = set(self.declared_tokens()), self.resolved_family()
        found = {}
        for name in ROLES:
            by_hand, default = getattr(self, name), family.role(name)
            if by_hand is not None:
                found[name] = by_hand
            elif default in declared:
                found[name] = default
            elif (likely := _LIKELY.get(name, frozenset()) & declared) and len(likely) == 1:
                found[name] = next(iter(likely))
        return found


_LIKELY = {
    f"{role}_token": frozenset({f"<{role}>", f"[{role.upper()}]", f"<|{role}|>"})
    for role in ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
}
"""Spellings that say their role, so `special_tokens: ["<pad>", "<unk>"]` needs no more."""


def token_content(token: Step) -> str:
    content = token if isinstance(token, str) else token.get("content")
    if not isinstance(content, str) or not content:
        raise ValueError(f"a special token needs `content`, got {token!r}")
    return content


def check_for_model(
    tokenizer: TokenizerConfig, architecture: str, network: str, objective: str, needs: Collection[TokenNeed]
) -> list[str]:
    """What a model would miss in this tokenizer, one line each; empty if nothing.

    `architecture` is a transformers model type, `network` its kind, `needs` what the model's objective needs. An
    existing tokenizer is not opened here: its special tokens show when it is saved. If the tokenizer's family is not
    resolved yet, the architecture's is assumed.
    """
    if tokenizer.existing is not None:
        return []
    if tokenizer.family is None:
        tokenizer = tokenizer.model_copy(update={"family": family_of(architecture, network)})
    roles = tokenizer.role_tokens()
    lines = []
    if "pad_token" not in roles:
        lines.append(f"no pad token, which {architecture} needs to batch texts; add '<pad>' to special_tokens")
    if "mask" in needs and "mask_token" not in roles:
        lines.append(f"no mask token, which objective {objective} needs; add '<mask>' to special_tokens")
    if "end" in needs and not {"eos_token", "sep_token"} & set(roles):
        lines.append(f"no token that ends a text, which objective {objective} needs; add '<eos>' to special_tokens")
    if "sentinels" in needs and "mask_token" not in roles and "<extra_id_0>" not in tokenizer.declared_tokens():
        lines.append(f"no sentinels, which objective {objective} needs; set family: t5, or add '<mask>'")
    declared = tokenizer.declared_tokens()
    if architecture in REBUILT:
        lines.append(
            f"it cannot be used with architecture {architecture}: transformers would replace it by that architecture's "
            "own when the model is loaded; use qwen3, or a tokenizer by `existing`"
        )
    if family_of(architecture, network) == "roberta" and roles.get("pad_token") in declared[2:]:
        lines.append(
            f"pad token {roles['pad_token']!r} would have id {declared.index(roles['pad_token'])}, {architecture} "
            "counts positions from a pad id of 0 or 1; put it first or second in special_tokens"
        )
    return lines
