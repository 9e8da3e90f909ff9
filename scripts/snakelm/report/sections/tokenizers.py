"""The tokenizers' section: their statistics side by side, and a sample of text with its tokens coloured."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from typing import Any

from markupsafe import Markup

from snakelm.core.errors import UserError
from snakelm.report.charts import Chart, Series
from snakelm.report.fact_tables import FactTable
from snakelm.report.numbers import plain
from snakelm.report.runs import FinishedRun
from snakelm.report.story import Story
from snakelm.tokenization.compare import COLUMNS
from snakelm.tokenization.statistics import FILE, TokenizerStatistics, read_statistics

SHARES = {"whole_words", "unknown_rate", "characters_lost", "round_trip", "vocabulary_used"}
MOST_SAMPLES = 20


@dataclass(frozen=True)
class Tokenizers:
    table: FactTable
    charts: Sequence[Chart]
    samples: Sequence[tuple[str, Markup]]
    """(tokenizer, text with its tokens coloured)."""


def tokenizers(story: Story) -> Tokenizers:
    runs = story.of_stage("save_tokenizer")
    words = words_chart(runs)
    charts = [*side_by_side(runs), *([words] if words else [])]
    return Tokenizers(tokenizer_table(runs), charts, tokenizer_samples(runs[:MOST_SAMPLES]))


def tokenizer_table(runs: Sequence[FinishedRun]) -> FactTable:
    """A row per tokenizer, a column per statistic that any of them has; the size is known without measuring."""
    of_run = _statistics(runs)
    columns = [key for key in COLUMNS if any(getattr(found, key) is not None for found in of_run.values())]
    table = FactTable("tokenizer", [COLUMNS[key] for key in columns])
    for name, found in of_run.items():
        table.rows.append((name, [_shown(key, getattr(found, key)) for key in columns]))
    return table


def side_by_side(runs: Sequence[FinishedRun]) -> list[Chart]:
    """Bars of what tells tokenizers apart at a glance, for two or more that were measured."""
    measured = {name: found for name, found in _statistics(runs).items() if found.bytes_per_token is not None}
    charts = []
    for key in ("bytes_per_token", "tokens_per_word", "whole_words") if len(measured) > 1 else ():
        scale, unit = (100, " (%)") if key in SHARES else (1, "")
        values = [getattr(found, key) for found in measured.values()]
        label = COLUMNS[key] + unit
        bars = Series(label, range(len(values)), [None if value is None else scale * value for value in values])
        title = f"Tokenizers side by side: {label}"
        charts.append(Chart("bars", label, title, (bars,), label, names=tuple(measured), legend=False))
    return charts


def words_chart(runs: Sequence[FinishedRun]) -> Chart | None:
    """Share of the running words that take 1, 2, … tokens; None where nothing was measured."""
    series = []
    for place, (name, found) in enumerate(_statistics(runs).items()):
        shares = [100 * (share or 0.0) for share in found.words_by_tokens]
        if shares:
            series.append(Series(name, range(1, len(shares) + 1), shares, place))
    if not series:
        return None
    most = max(len(one.x) for one in series)
    title = f"Share of the running words that take 1 to {most} (or more) tokens, by tokenizer"
    return Chart("lines", "Tokens per word", title, tuple(series), "tokens of a word", "% of running words")


def _statistics(runs: Sequence[FinishedRun]) -> dict[str, TokenizerStatistics]:
    of_run = {}
    for run in runs:
        try:
            found = read_statistics(run.folder) or TokenizerStatistics()
        except ValueError as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{run.folder / FILE}: not readable ({reason}); make that run again") from None
        size = run.manifest.headline.get("vocab_size")
        of_run[run.entry] = replace(found, vocab_size=size) if found.vocab_size is None else found
    return of_run


def tokenizer_samples(runs: Sequence[FinishedRun]) -> list[tuple[str, Markup]]:
    """(tokenizer, its sample.html) where there is one that is nothing but coloured text."""
    texts = ((run.entry, run.text("sample.html")) for run in runs)
    return [(name, Markup(text)) for name, text in texts if text and _Harmless(text).ok]


def _shown(key: str, value: Any) -> str:
    if key in SHARES and isinstance(value, (int, float)):
        return f"{100 * value:.2f}\u202f%"
    return plain(value)


class _Harmless(HTMLParser):
    """Whether markup from a run holds only coloured text: it goes into the page as it is, so nothing else may."""

    def __init__(self, text: str):
        super().__init__()
        self.ok, self._tags = True, 0
        self._open: list[str] = []
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

    def handle_decl(self, decl: str) -> None:
        self.ok = False

    def handle_pi(self, data: str) -> None:
        self.ok = False

    def unknown_decl(self, data: str) -> None:
        self.ok = False
