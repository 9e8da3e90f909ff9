"""Metrics of choices: of an answer among several, of the likelier of two sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame


def multiple_choice(predictions: DataFrame) -> dict[str, float]:
    """The share of right choices. Columns gold, prediction: int, the index of a choice."""
    return {"accuracy": float((predictions["gold"] == predictions["prediction"]).mean())}


def minimal_pairs(predictions: DataFrame) -> dict[str, float]:
    """The share of pairs whose good sentence is the likelier: overall, the mean over phenomena, and each of them.

    Columns gold, prediction: int (0: the good sentence); phenomenon: str."""
    right = predictions["gold"] == predictions["prediction"]
    by_phenomenon = right.groupby(predictions["phenomenon"]).mean().sort_index()
    each = {f"accuracy/{name}": float(value) for name, value in by_phenomenon.items()} if len(by_phenomenon) > 1 else {}
    return {"accuracy": float(right.mean()), "accuracy_by_phenomenon": float(by_phenomenon.mean()), **each}
