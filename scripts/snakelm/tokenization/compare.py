"""Tokenizers side by side: one table, one plot and coloured samples from the folders that save_tokenizer made."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

COLUMNS = {
    "kind": "kind",
    "vocab_size": "vocabulary",
    "bytes_per_token": "bytes per token",
    "tokens_per_word": "tokens per word",
    "whole_words": "whole words",
    "unknown_rate": "unknown tokens",
    "characters_lost": "characters lost",
    "round_trip": "round trip",
    "vocabulary_used": "vocabulary used",
    "renyi_efficiency": "Rényi efficiency",
}
ALIGN = ' style="text-align:right"'
_PERCENT = {"whole_words", "unknown_rate", "characters_lost", "round_trip", "vocabulary_used"}


def compare(folders: Sequence[Path], names: Sequence[str] | None = None) -> pandas.DataFrame:
    """A row per folder with the figures of its figures.json (columns: COLUMNS), index = `names`, else the name there.

    A folder without figures (no corpus to measure on) has empty cells.
    """
    import pandas

    rows = [_figures(folder) for folder in folders]
    index = names or [row.get("name", folder.name) for row, folder in zip(rows, folders, strict=True)]
    return pandas.DataFrame([[row.get(key) for key in COLUMNS] for row in rows], index=index, columns=list(COLUMNS))


def fragment(folders: Sequence[Path], names: Sequence[str] | None = None) -> str:
    """The table, and under it each tokenizer's coloured sample, as HTML to put into a page."""
    table = compare(folders, names)
    head = "".join(f"<th>{html.escape(title)}</th>" for title in COLUMNS.values())
    lines = [f'<table class="tokenizers"><thead><tr><th>tokenizer</th>{head}</tr></thead><tbody>']
    for name, row in table.iterrows():
        cells = "".join(
            f"<td{'' if key == 'kind' else ALIGN}>{html.escape(_shown(key, row[key]))}</td>" for key in COLUMNS
        )
        lines.append(f"<tr><th>{html.escape(str(name))}</th>{cells}</tr>")
    lines.append("</tbody></table>")
    for name, folder in zip(table.index, folders, strict=True):
        if (file := folder / "sample.html").exists():
            lines.append(f"<p><b>{html.escape(str(name))}</b></p>\n{file.read_text(encoding='utf-8')}")
    return "\n".join(lines) + "\n"


def plot(folders: Sequence[Path], path: Path, names: Sequence[str] | None = None) -> None:
    """Bytes per token, tokens per word and whole words of each tokenizer as bars; SVG with reproducible bytes."""
    from snakelm.tokenization.plotting import figure, save

    table = compare(folders, names).iloc[::-1]
    canvas, axes = figure(9.0, 1.0 + 0.32 * len(table), columns=3)
    for one, key in zip(axes, ("bytes_per_token", "tokens_per_word", "whole_words"), strict=True):
        values = table[key].astype(float).fillna(0.0) * (100 if key in _PERCENT else 1)
        one.barh([str(name) for name in table.index], values, color="#3b6fb6")
        one.set_xlabel(COLUMNS[key] + (" (%)" if key in _PERCENT else ""))
        if one is not axes[0]:
            one.set_yticklabels([])
    save(canvas, path)


def _figures(folder: Path) -> dict[str, object]:
    file = folder / "figures.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def _shown(key: str, value: object) -> str:
    if value is None or value != value:
        return ""
    if key in _PERCENT:
        return f"{100 * float(value):.2f} %"  # type: ignore[arg-type]
    if key == "vocab_size":
        return f"{int(value):,}"  # type: ignore[call-overload]
    return f"{value:.3f}" if isinstance(value, float) else str(value)
