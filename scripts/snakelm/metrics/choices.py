"""Metrics of choices: of an answer among several, of the likelier of two sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snakelm.statistics.units import share

if TYPE_CHECKING:
    from pandas import DataFrame

    from snakelm.statistics.units import Floats, Units


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


def multiple_choice_without(predictions: DataFrame, units: Units) -> dict[str, Floats]:
    """The metrics of `multiple_choice` of all units but one, for each."""
    return {"accuracy": units.mean_without(predictions["gold"] == predictions["prediction"])}


def minimal_pairs_without(predictions: DataFrame, units: Units) -> dict[str, Floats]:
    """The metrics of `minimal_pairs` of all units but one, for each."""
    import numpy

    right = (predictions["gold"] == predictions["prediction"]).to_numpy()
    ids = {name: number for number, name in enumerate(sorted(set(predictions["phenomenon"])))}
    of_row = numpy.array([ids[name] for name in predictions["phenomenon"]])
    right_UP, all_UP = units.counts(numpy.where(right, of_row, -1), len(ids)), units.counts(of_row, len(ids))

    def by_phenomenon(right_P: Floats, all_P: Floats) -> Any:
        return share(share(right_P, all_P).sum(-1), (all_P > 0).sum(-1))

    return {
        "accuracy": units.mean_without(right),
        "accuracy_by_phenomenon": units.without(by_phenomenon, right_UP, all_UP),
        **{f"accuracy/{name}": units.without(share, right_UP[:, p], all_UP[:, p]) for name, p in ids.items()},
    }
