"""Proof that every way of loading a saved tokenizer gives the same ids and offsets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models

from snakelm.core.errors import UserError
from snakelm.save_tokenizer.classic import from_classic, has_classic
from snakelm.tokenization.outside import read_tokenizer

HARD_STRINGS = (
    "",
    " ",
    "   two  blanks   and a tab\t.",
    "line\nfeed\r\nand\rreturn\u2028separator\x0bvertical",
    "emoji 👍🏽 👩‍👩‍👧‍👦 🇨🇭 and ☃\ufe0f",
    "right to left: שלום עולם, مرحبا بالعالم ١٢٣",
    "combining e\u0301 o\u0302\u0323 \u1112\u1161\u11ab ﬁ ① Å",
    "control \x00\x01\x07\x1b[31m\x7f\x85 \u200b\u200e\ufeff",
    "中文 日本語 한국어 ไทย हिन्दी",
    "x" * 300 + " " + "Donaudampfschifffahrtsgesellschaft" * 8,
    "<s> </s> <mask> [MASK][CLS] <|endoftext|> <unk>  <mask>.",
    "##hash </w> ▁underline Ġ Ċ",
    "Café naïve ñ Straße İstanbul ǅ",
    "don't stop-me 3.14159 $1,000,000 https://example.org/?q=a&b=c#d",
    "\U0001f600" * 20 + "𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
)
"""Emoji, right to left, combining marks, control characters, very long words, other tokenizers' marks, nothing."""


def verify(folder: Path, texts: Sequence[str]) -> int:
    """Encode texts and hard strings by every loader and compare; return how many strings were compared.

    Loaders: `tokenizers.Tokenizer.from_file` on tokenizer.json is the reference; `AutoTokenizer.from_pretrained` on the
    folder; the model class (`models.BPE`, …) on the classic files inside the same pipeline. Each with and without
    special tokens, and as a pair. Raises UserError with the first string that differs.
    """
    reference = Tokenizer.from_file(str(folder / "tokenizer.json"))
    auto = read_tokenizer(folder)
    classic = from_classic(folder) if has_classic(folder) else reference
    for one in (reference, classic, auto.backend_tokenizer):
        if isinstance(one.model, models.BPE):
            one.model.dropout = None
    strings = [*HARD_STRINGS, *texts]
    for number, text in enumerate(strings):
        for special in (True, False):
            expected = reference.encode(text, add_special_tokens=special)
            _compare("the classic files", classic.encode(text, add_special_tokens=special), expected, text)
            got = auto(text, add_special_tokens=special, return_offsets_mapping=True)
            _compare("AutoTokenizer", got.encodings[0], expected, text)
        other = strings[number - 1] or "b"  # transformers takes an empty second text as none
        _compare("AutoTokenizer (pair)", auto(text, other).encodings[0], reference.encode(text, other), text)
    return len(strings)


def _compare(who: str, got: Any, expected: Any, text: str) -> None:
    for what in ("ids", "offsets", "type_ids"):
        if getattr(got, what) != getattr(expected, what):
            raise UserError(
                f"saved tokenizer: {who} gives different {what} from tokenizer.json for {text[:60]!r}: "
                f"{getattr(got, what)[:12]} instead of {getattr(expected, what)[:12]}"
            )
