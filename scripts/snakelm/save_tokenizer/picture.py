"""What a tokenizer does to a text, to look at: a coloured sample and a plot."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

COLOURS = ("#cfe8ff", "#ffe3c2", "#d5f2cf", "#f7d4ea", "#e6dcff")


def sample(tokenizer: Tokenizer, text: str, unk_token: str | None) -> str:
    """The text as HTML with each token on a background colour of its own; hovering shows its name and id.

    Unknown tokens are red; characters that no token stands for are struck through. Several tokens of one character
    (bytes of an emoji) share its place.
    """
    unk_id = tokenizer.token_to_id(unk_token) if unk_token is not None else None
    encoding = tokenizer.encode(text, add_special_tokens=False)
    spans: dict[tuple[int, int], list[int]] = {}
    for number, span in enumerate(encoding.offsets):
        spans.setdefault(span, []).append(number)
    parts, reached, colour = [], 0, 0
    for (start, end), numbers in sorted(spans.items()):
        if end <= reached:
            continue
        parts.append(_plain(text[reached:start]))
        names = " ".join(f"{encoding.tokens[number]} ({encoding.ids[number]})" for number in numbers)
        unknown = unk_id is not None and unk_id in [encoding.ids[number] for number in numbers]
        background = "#ff9d9d" if unknown else COLOURS[colour % len(COLOURS)]
        parts.append(
            f'<span style="background:{background}" title="{html.escape(names)}">'
            f"{_visible(text[max(start, reached) : end])}</span>"
        )
        reached, colour = end, colour + 1
    parts.append(_plain(text[reached:]))
    style = "white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.7;color:#111;background:#fff;padding:.6em"
    return f'<div class="tokens" style="{style}">{"".join(parts)}</div>\n'


def plot(words_by_tokens: Sequence[float | None], path: Path) -> None:
    """Share of the running words that take 1, 2, … tokens, as SVG with reproducible bytes."""
    from snakelm.tokenization.plotting import figure, save

    shares = [100 * (share or 0) for share in words_by_tokens]
    canvas, axes = figure(5.2, 2.6)
    labels = [*(str(number) for number in range(1, len(shares))), f"{len(shares)}+"]
    axes.bar(labels, shares, color="#3b6fb6")
    axes.set_xlabel("tokens of a word")
    axes.set_ylabel("% of running words")
    save(canvas, path)


def _plain(text: str) -> str:
    """Text between tokens: whitespace as it is, anything else was dropped."""
    return html.escape(text) if not text.strip() else f'<s style="color:#c00">{_visible(text)}</s>'


def _visible(text: str) -> str:
    shown = "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)
    return html.escape(shown).replace("\n", "↵\n")
