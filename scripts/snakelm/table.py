"""The plan as a table on the terminal; without colours where nobody watches."""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .why import DONE, NOT_NEEDED, Line

STYLES = {DONE: "green", NOT_NEEDED: "dim", "kept from other code": "yellow"}


def show(lines: list[Line]) -> None:
    """Print the table and one line that counts."""
    console = Console()
    if not console.is_terminal:
        console.width = 160
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("stage", "name", "id"):
        table.add_column(heading, no_wrap=True)
    table.add_column("state")
    table.add_column("why", overflow="fold")
    table.add_column("last time", justify="right")
    stage = ""
    for line in lines:
        table.add_row(
            "" if line.stage == stage else line.stage,
            line.name,
            Text(line.id, style="dim"),
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
