"""The order in which people expect names: tiny2 before tiny10, learning_rate=0.0003 before learning_rate=0.001."""

from __future__ import annotations

import re

NUMBER = re.compile(r"(\d+(?:\.\d+)?(?:e[-+]?\d+(?!\w))?)")


def natural(name: str) -> list[tuple[int, float, str]]:
    """Sort key: numbers inside a name (12, 0.001, 1e-05) compare as decimal numbers, the rest as text."""
    return [
        (0, float(part), part) if part[0].isdecimal() else (1, 0.0, part) for part in re.split(NUMBER, name) if part
    ]
