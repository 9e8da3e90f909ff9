"""Plots whose bytes depend on the data alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def figure(width: float, height: float, columns: int = 1) -> tuple[Any, Any]:
    """A figure of `columns` axes side by side, in inches, drawn without a display."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(width, height), layout="constrained")
    axes = canvas.subplots(1, columns)
    for one in [axes] if columns == 1 else axes:
        one.spines[["top", "right"]].set_visible(False)
    return canvas, axes


def save(canvas: Any, path: Path) -> None:
    """Write SVG without a date, with fixed names inside, text as text."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "snakelm", "svg.fonttype": "none"}):
        canvas.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
