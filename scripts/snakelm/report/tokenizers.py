"""The tokenizers' section: their figures side by side, and a sample of text with each token on its own ground."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from typing import Any

from markupsafe import Markup

from snakelm.report.figures import bars_figure
from snakelm.report.numbers import plain
from snakelm.report.page import Table
from snakelm.report.runs import Run
from snakelm.tokenization.compare import COLUMNS

SHARES = {"whole_words", "unknown_rate", "characters_lost", "round_trip", "vocabulary_used"}


def tokenizer_table(runs: list[Run]) -> Table:
    """A row per tokenizer, a column per figure that any of them has; the headline serves where nothing was measured."""
    of_run = _figures(runs)
    columns = [key for key in COLUMNS if any(found.get(key) is not None for found in of_run.values())]
    table = Table("tokenizer", [COLUMNS[key] for key in columns])
    for name, found in of_run.items():
        table.rows.append((name, [_shown(key, found.get(key)) for key in columns]))
    return table


def tokenizer_figure(runs: list[Run]) -> Markup | None:
    """Bars of what tells tokenizers apart at a glance; None where fewer than two were measured."""
    measured = {name: found for name, found in _figures(runs).items() if _number(found, "bytes_per_token") is not None}
    if len(measured) < 2:
        return None
    panels = []
    for key in ("bytes_per_token", "tokens_per_word", "whole_words"):
        scale, unit = (100, " (%)") if key in SHARES else (1, "")
        values = [_number(found, key) for found in measured.values()]
        panels.append((COLUMNS[key] + unit, [None if value is None else scale * value for value in values]))
    return bars_figure(list(measured), panels, "Tokenizers side by side")


def _figures(runs: list[Run]) -> dict[str, dict[str, Any]]:
    of_run = {}
    for run in runs:
        figures = run.json("figures.json")
        of_run[run.key] = run.headline | (figures if isinstance(figures, dict) else {})
    return of_run


def _number(found: dict[str, Any], key: str) -> float | None:
    value = found.get(key)
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable else None


def tokenizer_samples(runs: list[Run]) -> list[tuple[str, Markup]]:
    """(tokenizer, its sample.html) where there is one that is nothing but coloured text."""
    texts = ((run.key, run.text("sample.html")) for run in runs)
    return [(name, Markup(text)) for name, text in texts if text and _Harmless(text).ok]


def _shown(key: str, value: Any) -> str:
    if key in SHARES and isinstance(value, (int, float)):
        return f"{100 * value:.2f}\u202f%"
    return plain(value)


class _Harmless(HTMLParser):
    """Whether markup from a run holds only coloured text: it goes into the page as it is, so nothing else may."""

    def __init__(self, text: str):
        super().__init__()
        self.ok, self._open, self._tags = True, [], 0
        self.feed(text)
        self.close()
        self.ok &= not self._open and text.count("<") == self._tags

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._open.append(tag)
        self._tags += 1
        styles = " ".join(value or "" for key, value in attributes if key == "style")
        known = tag in ("div", "span", "s") and {key for key, _ in attributes} <= {"class", "style", "title"}
        self.ok &= known and re.fullmatch(r"[a-z0-9#:;. -]*", styles) is not None

    def handle_endtag(self, tag: str) -> None:
        self._tags += 1
        self.ok &= bool(self._open) and self._open.pop() == tag

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.ok = False

    def handle_comment(self, data: str) -> None:
        self.ok = False

    handle_decl = handle_pi = unknown_decl = handle_comment
