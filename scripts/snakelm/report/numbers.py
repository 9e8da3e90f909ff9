"""How numbers are written in the report: as many digits as are meaningful, a true minus sign, thin separators."""

from __future__ import annotations

import math
from typing import Any

MINUS = "\u2212"


def decimals(value: float) -> int:
    """Decimals for a value and its interval: four significant digits from 1 on, else three or four decimals."""
    size = abs(value)
    if not math.isfinite(size) or size == 0:
        return 3
    if size < 1:
        return 3 if size >= 0.02 else 4
    return max(0, 3 - math.floor(math.log10(size)))


def fixed(value: float, places: int, sign: bool = False) -> str:
    """The value with so many decimals; 'n/a' if it is not finite."""
    if not math.isfinite(value):
        return "n/a"
    text = f"{value:+,.{places}f}" if sign else f"{value:,.{places}f}"
    if float(text.replace(",", "")) == 0:
        text = f"{0:.{places}f}"
    return text.replace("-", MINUS)


def interval(low: float, high: float, places: int, sign: bool = False) -> str:
    return f"[{fixed(low, places, sign)}, {fixed(high, places, sign)}]"


def plain(value: Any) -> str:
    """A headline value as a reader wants it: 12,345 and 0.5851 and yes; lists joined; anything else as text."""
    if value is None:
        return "\u2013"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace("-", MINUS)
    if isinstance(value, float):
        if not math.isfinite(value):
            return "n/a"
        if value and (abs(value) < 1e-3 or abs(value) >= 1e9):
            return f"{value:.3g}".replace("-", MINUS)
        return fixed(value, decimals(value) if value else 0)
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(item) for item in value)
    return str(value)
