"""The plan as a table on the terminal; without colours where nobody watches."""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from snakelm.planning.explanation import DONE, KEPT, NOT_NEEDED, PlanLine

STYLES = {DONE: "green", NOT_NEEDED: "dim", KEPT: "yellow"}

WIDE = 90  # columns of a terminal; on a narrower one ids make way for what matters


def show(lines: list[PlanLine]) -> None:
    """Print the table and one line that counts."""
    console = Console()
    if not console.is_terminal:
        console.width = 300
    wide = console.width >= WIDE
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("stage", no_wrap=wide, overflow="fold")
    table.add_column("name", no_wrap=not console.is_terminal, overflow="fold")
    if wide:
        table.add_column("id", no_wrap=True)
    table.add_column("state", overflow="fold")
    table.add_column("why", overflow="fold")
    table.add_column("last time", justify="right", overflow="fold")
    stage = ""
    for line in lines:
        table.add_row(
            "" if line.stage == stage else line.stage,
            line.title,
            *([Text(line.id, style="dim")] if wide else []),
            Text(line.state, style=STYLES.get(line.state, "bold magenta")),
            Text("\n".join(line.why[:6] + ([f"and {len(line.why) - 6} more"] if len(line.why) > 6 else []))),
            duration(line.last_seconds),
        )
        stage = line.stage
    console.print(table)
    counts = Counter("to do" if line.state not in STYLES else line.state for line in lines)
    console.print(", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "nothing in the recipe")


def duration(seconds: float | None) -> str:
    """'4 s', '3 min', '5.2 h', '1.4 d'; empty for None."""
    if seconds is None:
        return ""
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.1f} {unit}" if unit == "h" else f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.1f} d"
