"""Whole numbers as people write them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

UNITS = {"k": 1_000, "m": 1_000_000, "b": 1_000_000_000}


def _count(value: Any) -> Any:
    """10_000, '1e9', '300k', '10M', '2B' → a whole number."""
    if isinstance(value, str):
        text = value.strip().replace("_", "").replace(",", "").lower()
        factor = UNITS.get(text[-1:], 1)
        try:
            value = float(text[:-1] if factor > 1 else text) * factor
        except ValueError:
            return value
    return int(value) if isinstance(value, float) and value.is_integer() else value


Count = Annotated[int, BeforeValidator(_count, json_schema_input_type=int | float | str)]
"""A whole number that may be written as 300k, 10M or 1e9."""
