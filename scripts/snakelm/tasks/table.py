"""The table of task types in README.md and docs/tasks.md, made from what the types declare (`make docs`)."""

from __future__ import annotations

from snakelm.tasks.config import NETWORKS, task_types

BEGIN, END = "<!-- task types: made by `make docs` -->", "<!-- end of task types -->"
HEAD = """\
| `type` | one row is | metrics (the first is the main one; ↓: lower is better) | baselines | networks |
| --- | --- | --- | --- | --- |
"""


def table() -> str:
    """One line per task type, by name."""
    lines = []
    for name, task_type in task_types.classes().items():
        row = (task_type.__doc__ or "").strip().splitlines()[0].removesuffix(".")
        lower = task_type.metrics.lower_is_better
        networks = "all" if task_type.networks == NETWORKS else ", ".join(task_type.networks)
        metrics = ", ".join(f"{metric} ↓" if metric in lower else metric for metric in task_type.metrics.names)
        cells = [f"`{name}`", row, metrics, ", ".join(task_type.baselines), networks]
        lines.append("| " + " | ".join(cells) + " |\n")
    return HEAD + "".join(lines)


def update(text: str) -> str:
    """A page with the table between its marks as it is now; ValueError for a page without marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"no marks: {BEGIN} … {END}")
    return f"{before}{begin}\n{table()}{end}{after}"
