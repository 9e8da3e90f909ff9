"""results.svg and results.png, for papers, drawn with matplotlib; and the colours that the page shares with them.

The same input gives the same bytes: ids are hashed with a fixed salt and no date is written. Text is drawn as paths, so
it looks alike everywhere.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib

from snakelm.report.comparisons import Comparison

matplotlib.use("Agg")

INK, MUTED, RULE = "#1b1b1a", "#6d6a64", "#d9d6cf"
SERIES = ("#1d5c96", "#c4621a", "#2f7d4f", "#8a4a96", "#a3283a", "#5d6b1c", "#2a8a8f", "#7a5a3a")
DARK_SERIES = ("#7db4e6", "#f0a064", "#7cc796", "#cb98d6", "#ee8896", "#b5c46a", "#6fcbd0", "#cba989")
MARKERS = ("o", "D", "s", "^", "v", "P", "X", "d")
MOST = 60
"""Comparisons, at most, that are drawn."""
MOST_DOTS = 12_000
"""Height of results.png, at most."""
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


def short(name: str, length: int = 24) -> str:
    """A name that fits beside an axis, on one line; long ones lose their middle."""
    name = " ".join(name.split()) or "(no name)"
    if len(name) <= length:
        return name
    return name[: length // 2].rstrip() + "\u2026" + name[-(length - length // 2 - 1) :].lstrip()


def write_results_figure(comparisons: Sequence[Comparison], inits: Sequence[str], stem: Path) -> None:
    """All tasks below one another as stem.svg and stem.png (200 dots an inch), on white, with a legend; of more than
    MOST comparisons the first ones, for nobody looks at a picture of many metres."""
    by_task: dict[str, list[Comparison]] = {}
    for one in comparisons[:MOST]:
        by_task.setdefault(one.task, []).append(one)
    heights = [_results_height(comparisons, inits) for comparisons in by_task.values()]
    ratios = {"height_ratios": heights}
    with _figure((6.4, sum(heights) + 0.4), len(heights), gridspec_kw=ratios, squeeze=False) as (figure, grid):
        for axes, (task, comparisons) in zip(grid[:, 0], by_task.items(), strict=True):
            _draw_results(axes, comparisons, inits)
            axes.set_title(short(task, 60), loc="left", fontsize=9)
        if len(comparisons) > MOST:
            figure.supxlabel(f"the first {MOST} of {len(comparisons)} comparisons", fontsize=8)
        handles = [
            matplotlib.lines.Line2D([], [], color=SERIES[i % 8], marker=MARKERS[i % 8], markersize=5, linewidth=1.2)
            for i in range(len(inits))
        ]
        labels = [" " + short(init) for init in inits]
        figure.legend(handles, labels, loc="outside upper right", ncols=min(4, len(inits)), frameon=False)
        options = {"facecolor": "white", "transparent": False}
        with matplotlib.rc_context({"svg.fonttype": "path"}):
            figure.savefig(stem.with_suffix(".svg"), metadata={"Date": None, "Creator": None}, **options)
        dots = min(200, MOST_DOTS / figure.get_figheight())
        figure.savefig(stem.with_suffix(".png"), dpi=dots, metadata={"Software": None}, **options)


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
