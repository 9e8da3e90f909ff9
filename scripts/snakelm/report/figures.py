"""The report's figures, drawn with matplotlib: inline SVG that follows the page's colours, and files for papers.

The same input gives the same bytes: ids are hashed with a fixed salt and no date is written. On the page text stays
text (the browser's own fonts, selectable); in results.svg it is drawn as paths, so it looks alike everywhere.
A figure costs about 30 ms.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib
from markupsafe import Markup, escape

from snakelm.report.comparisons import Comparison
from snakelm.report.curves import Curve

matplotlib.use("Agg")

INK, MUTED, RULE = "#1b1b1a", "#6d6a64", "#d9d6cf"
SERIES = ("#1d5c96", "#c4621a", "#2f7d4f", "#8a4a96", "#a3283a", "#5d6b1c", "#2a8a8f", "#7a5a3a")
DARK_SERIES = ("#7db4e6", "#f0a064", "#7cc796", "#cb98d6", "#ee8896", "#b5c46a", "#6fcbd0", "#cba989")
GLYPHS = "●◆■▲▼✚✖♦"
MARKERS = ("o", "D", "s", "^", "v", "P", "X", "d")
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.5)))
VARIABLES = {INK: "var(--ink)", MUTED: "var(--muted)", RULE: "var(--rule)"} | {
    colour: f"var(--s{place})" for place, colour in enumerate(SERIES)
}
STYLE: dict[str, Any] = {
    "svg.hashsalt": "snakelm",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "axes.formatter.useoffset": False,
    "lines.solid_capstyle": "round",
    "savefig.transparent": True,
}


@dataclass(frozen=True)
class ChartLine:
    """One line of a chart: its curve, the place of its colour, and how much it should stand out."""

    curve: Curve
    colour: int
    strong: bool = True
    marked: bool = False
    band: tuple[list[float], list[float]] | None = None
    """Lower and upper end of an interval at each point."""


@dataclass(frozen=True)
class Figure:
    """An SVG for the page with its caption; `caption` and `note` are plain text."""

    svg: Markup
    caption: str
    note: str = ""
    legend: list[tuple[str, int, str]] = field(default_factory=list)
    """(name, place of the colour, kind of mark: line, dashed or dot)"""


def short(name: str, length: int = 24) -> str:
    """A name that fits beside an axis, on one line; long ones lose their middle."""
    name = " ".join(name.split()) or "(no name)"
    if len(name) <= length:
        return name
    return name[: length // 2].rstrip() + "\u2026" + name[-(length - length // 2 - 1) :].lstrip()


def chart(
    lines: Sequence[ChartLine],
    x_label: str,
    y_label: str,
    title: str,
    size: tuple[float, float],
    logarithmic: bool = False,
) -> Markup:
    """Curves over one axis. `title` is what a screen reader says; `size` is in inches."""
    with _figure(size) as (figure, axes):
        for line in lines:
            dashes = DASHES[line.colour // len(SERIES) % len(DASHES)]
            colour = SERIES[line.colour % len(SERIES)]
            if line.band is not None:
                axes.fill_between(line.curve.x, *line.band, color=colour, alpha=0.15, linewidth=0)
            axes.plot(
                line.curve.x,
                line.curve.y,
                color=colour,
                linestyle=dashes,
                linewidth=1.5 if line.strong else 0.8,
                alpha=1.0 if line.strong else 0.45,
                marker="o" if line.marked or len(line.curve.x) == 1 else None,
                markersize=2.6,
            )
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.grid(axis="y", color=RULE, linewidth=0.5)
        axes.set_axisbelow(True)
        axes.locator_params(axis="y", nbins=6)
        axes.margins(x=0.02)
        if logarithmic:
            axes.set_xscale("log")
            axes.set_xticks(sorted({x for line in lines for x in line.curve.x}))
            axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
        else:
            axes.locator_params(axis="x", nbins=6)
        axes.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(_count))
        return _inline(figure, title)


def results_figure(comparisons: Sequence[Comparison], inits: Sequence[str], title: str) -> Markup:
    """The dots and intervals of one task for the page: a line per model."""
    with _figure((4.4, _results_height(comparisons, inits))) as (figure, axes):
        _draw_results(axes, comparisons, inits)
        return _inline(figure, title)


def write_results_figure(by_task: Mapping[str, list[Comparison]], inits: Sequence[str], stem: Path) -> None:
    """All tasks below one another as stem.svg and stem.png (200 dots an inch), on white, with a legend."""
    heights = [_results_height(comparisons, inits) for comparisons in by_task.values()]
    ratios = {"height_ratios": heights}
    with _figure((6.4, sum(heights) + 0.4), len(heights), gridspec_kw=ratios, squeeze=False) as (figure, grid):
        for axes, (task, comparisons) in zip(grid[:, 0], by_task.items(), strict=True):
            _draw_results(axes, comparisons, inits)
            axes.set_title(short(task, 60), loc="left", fontsize=9)
        handles = [
            matplotlib.lines.Line2D([], [], color=SERIES[i % 8], marker=MARKERS[i % 8], markersize=5, linewidth=1.2)
            for i in range(len(inits))
        ]
        labels = [" " + short(init) for init in inits]
        figure.legend(handles, labels, loc="outside upper right", ncols=min(4, len(inits)), frameon=False)
        options = {"facecolor": "white", "transparent": False}
        with matplotlib.rc_context({"svg.fonttype": "path"}):
            figure.savefig(stem.with_suffix(".svg"), metadata={"Date": None, "Creator": None}, **options)
        dots = min(200, 60_000 / figure.get_figheight())  # the PNG writer takes at most 2^16 lines
        figure.savefig(stem.with_suffix(".png"), dpi=dots, metadata={"Software": None}, **options)


def bars_figure(names: Sequence[str], panels: Sequence[tuple[str, Sequence[float | None]]], title: str) -> Markup:
    """Panels of horizontal bars beside one another, a bar for each name; None leaves its place empty."""
    with _figure((7.2, 0.6 + 0.22 * len(names)), columns=len(panels), sharey=True, squeeze=False) as (figure, grid):
        for axes, (label, values) in zip(grid[0], panels, strict=True):
            axes.barh(range(len(names)), [value or 0.0 for value in values], height=0.6, color=SERIES[0])
            axes.set_xlabel(label)
            axes.set_yticks(range(len(names)), [short(name) for name in names])
            axes.set_ylim(len(names) - 0.5, -0.5)
            axes.tick_params(axis="y", length=0, labelcolor=INK)
            axes.spines["left"].set_visible(False)
            axes.grid(axis="x", color=RULE, linewidth=0.5)
            axes.set_axisbelow(True)
        return _inline(figure, title)


def _results_height(comparisons: Sequence[Comparison], inits: Sequence[str]) -> float:
    return 0.55 + len(comparisons) * (0.16 + 0.13 * len(_present(comparisons, inits)))


def _present(comparisons: Sequence[Comparison], inits: Sequence[str]) -> list[str]:
    return [init for init in inits if any(init in one.estimates for one in comparisons)]


def _draw_results(axes: Any, comparisons: Sequence[Comparison], inits: Sequence[str]) -> None:
    present = _present(comparisons, inits)
    step = min(0.26, 0.8 / max(1, len(present)))
    for place, comparison in enumerate(comparisons):
        for init, shown in comparison.estimates.items():
            if (found := shown.estimate) is None:
                continue
            order = inits.index(init)
            mean, low, high = found.value, found.low, found.high
            y = place + (present.index(init) - (len(present) - 1) / 2) * step
            colour = SERIES[order % len(SERIES)]
            values, jitter = found.values, step / 4
            axes.plot(values, [y + jitter] * len(values), "o", color=colour, markersize=1.8, alpha=0.6, mew=0)
            if low is not None:
                axes.plot([low, high], [y, y], color=colour, linewidth=1.4)
            axes.plot([mean], [y], color=colour, marker=MARKERS[order % len(MARKERS)], markersize=4.5)
    axes.set_yticks(range(len(comparisons)), [short(one.model) for one in comparisons])
    axes.set_ylim(len(comparisons) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    metrics = list(dict.fromkeys((one.metric, one.direction) for one in comparisons))
    axes.set_xlabel(
        "; ".join(short(metric.replace("_", " "), 40) + (f" ({way})" if way else "") for metric, way in metrics)
    )


def _count(value: float, _: int) -> str:
    """Tick labels such as 500, 20k and 1.5M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size and (size > 1e3 or abs(value) >= 1e4):
            return f"{value / size:g}{unit}"
    return f"{value:g}"


@contextmanager
def _figure(size: tuple[float, float], rows: int = 1, columns: int = 1, **options: Any) -> Iterator[tuple[Any, Any]]:
    import matplotlib.pyplot as plt

    settings: dict[Any, Any] = {**matplotlib.rcParamsDefault, "backend": "agg", **STYLE}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", **options)
        try:
            yield figure, axes
        finally:
            plt.close(figure)


def _inline(figure: Any, title: str) -> Markup:
    """The figure as an <svg> element that scales with its column and takes its colours from the page."""
    target = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = target.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r' id="(?:figure|axes|patch|line2d|matplotlib\.axis|xtick|ytick|text|legend)_\d+"', "", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, variable)
    opening = next(re.finditer(r'viewBox="[^"]*"', svg))[0]
    width = float(opening.split()[2])
    head = f'<svg {opening} role="img" xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    head += f' style="max-width:{width * 4 / 3:.0f}px"><title>{escape(title)}</title>'
    return Markup(head + svg[svg.index(">") + 1 :].strip())
