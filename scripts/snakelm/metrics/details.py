"""What an evaluation says of a test beside its metrics: the records of details.json, and how they are kept small.

Read it with `artifacts.records.read(Details, folder / DETAILS)`. Whatever a task type has nothing to say of is None or
empty. Values are means over seeds unless a field says otherwise, with six significant digits (scores of labels: four).
One that is not defined, as the AUROC of a label that no row has, is None.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

DETAILS = "details.json"
MOST_LABELS = 40
"""Labels, at most, that have scores of their own and a confusion matrix."""
MOST_PAIRS = 20
"""Pairs of confused labels, at most, where there is no matrix."""
MOST_CELLS = 2000
"""Cells of the confusion matrices of single seeds, at most, all seeds together."""
MOST_GROUPS = 80
MOST_ERRORS = 10
MOST_CHARACTERS = 300
"""Length, at most, of a text that is quoted; of a label a quarter."""


@dataclass(frozen=True)
class Measure:
    """A measure of the test that is no metric: one value per seed."""

    mean: float
    by_seed: dict[str, float]
    """Of the seeds that have a value."""


@dataclass(frozen=True)
class ClassScore:
    """One label (a class, a tag, a kind of entity) against all others."""

    label: str
    support: int
    """How many test rows (words, entities) have it."""
    predicted: float
    """How many are predicted to have it, mean over seeds."""
    precision: float
    """0 where it is never predicted."""
    recall: float
    """0 where no row has it."""
    f1: float
    f1_low: float | None = None
    """The interval of F1 over seeds and test rows, at the evaluation's confidence."""
    f1_high: float | None = None
    auroc: float | None = None
    """Of its probability against all other labels."""


@dataclass(frozen=True)
class Classes:
    """Scores label by label, in the labels' own order."""

    unit: Literal["rows", "words", "entities"]
    """What `support` counts."""
    scores: list[ClassScore]
    """Of at most MOST_LABELS labels, those with the greatest support."""
    labels: int
    """How many labels there are."""
    never_predicted: dict[str, int] = field(default_factory=dict)
    """Labels of test rows → in how many seeds they are never predicted; of all labels, at most MOST_LABELS."""


@dataclass(frozen=True)
class ConfusedPair:
    gold: str
    predicted: str
    count: int
    """Summed over seeds."""


@dataclass(frozen=True)
class Confusion:
    """How often which label is predicted for which."""

    unit: Literal["rows", "words"]
    labels: list[str] = field(default_factory=list)
    """Of rows (gold) and columns (predicted); empty where there are more than MOST_LABELS."""
    counts: list[str] = field(default_factory=list)
    """One line per gold label: counts summed over seeds, separated by spaces (see `matrix`)."""
    by_seed: dict[str, list[str]] = field(default_factory=dict)
    """The same for each seed; empty where that would be more than MOST_CELLS cells."""
    pairs: list[ConfusedPair] = field(default_factory=list)
    """The MOST_PAIRS most frequent errors; empty where there is a matrix."""

    @property
    def matrix(self) -> list[list[int]]:
        """Counts summed over seeds, [gold][predicted]."""
        return numbers(self.counts)


def numbers(lines: Sequence[str]) -> list[list[int]]:
    """A matrix from its lines (`Confusion.counts`, `Confusion.by_seed`)."""
    return [[int(number) for number in line.split()] for line in lines]


@dataclass(frozen=True)
class ReliabilityBin:
    """The predictions of all seeds whose probability lies in an interval."""

    low: float
    high: float
    count: int
    confidence: float
    """Their mean probability."""
    accuracy: float
    """Which share of them is right."""


@dataclass(frozen=True)
class Calibration:
    """Whether probabilities are what they say: of all predictions with 0.8, eight of ten should be right."""

    unit: Literal["rows", "words", "labels"]
    """What has a probability: the predicted label of a row or word, or each of several labels of a row."""
    ece: Measure
    """Expected calibration error: mean distance of confidence and accuracy in ten bins of equal width, weighted by
    what is in them (Guo et al. 2017, arXiv:1706.04599)."""
    bins: list[ReliabilityBin]
    """The reliability curve; bins without predictions are left out."""


@dataclass(frozen=True)
class ResidualBin:
    """The predictions of all seeds that lie in an interval, and how far the targets are from them."""

    low: float
    high: float
    count: int
    prediction: float
    """Their mean."""
    gold: float
    """The mean of their targets."""
    quantiles: list[float]
    """5, 25, 50, 75 and 95 % quantiles of the residuals, target − prediction."""


@dataclass(frozen=True)
class Residuals:
    bins: list[ResidualBin]
    """Ten of equal size by prediction, fewer where predictions are equal."""


@dataclass(frozen=True)
class Group:
    """One part of the test: a phenomenon of minimal pairs, the questions with an answer."""

    name: str
    rows: int
    metric: str
    mean: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class WrongRow:
    """A row that the first seed is wrong about, and sure of it."""

    row: int
    """Number of the row in its source, from 0."""
    text: str
    """Shortened to MOST_CHARACTERS; of a tagged sentence the words around the wrong one, which stands in ⟦ ⟧."""
    gold: str
    predicted: str
    score: float | None = None
    """Probability of what was predicted; of minimal pairs the distance of the two sentences in nats, of regression the
    residual."""


@dataclass(frozen=True)
class SeedFlag:
    """A seed that is unlike the others."""

    seed: str
    reason: Literal["collapsed", "outlier", "not finite"]
    """collapsed: all predictions are the same one, though the answers are not. outlier: its main metric is more than
    three robust standard deviations from the median of all seeds. not finite: its main metric is no number."""
    value: float | None = None
    """Its main metric."""
    median: float | None = None
    """Of all seeds."""
    prediction: str = ""
    """What is always predicted, where it has collapsed."""


@dataclass(frozen=True)
class Details:
    """details.json."""

    rows: int = 0
    """Of the test."""
    seeds: list[str] = field(default_factory=list)
    """The seeds that `by_seed` speaks of; "" of a baseline, which no seed enters."""
    parameters: int | None = None
    """Of the fine-tuned network; None of a baseline."""
    classes: Classes | None = None
    confusion: Confusion | None = None
    auroc: Measure | None = None
    """Mean over labels of the area under the ROC curve, each label against all others; of two labels the second's."""
    calibration: Calibration | None = None
    residuals: Residuals | None = None
    groups: list[Group] = field(default_factory=list)
    errors: list[WrongRow] = field(default_factory=list)
    """The MOST_ERRORS most confident ones of the first seed, the most confident first."""
    flags: list[SeedFlag] = field(default_factory=list)


def rounded(value: Any, digits: int = 6) -> float | None:
    """A number with so many significant digits; None for None and for what is no finite number."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{float(value):.{digits}g}")


def number(value: Any, digits: int = 6) -> float:
    """The same of a number that is known to be finite."""
    return rounded(value, digits) or 0.0


def shortened(text: str, most: int = MOST_CHARACTERS) -> str:
    """A text on one line, cut at a word where it is longer than `most` characters; what is cut is marked by …"""
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    head = text[: most - 2]
    return (head.rsplit(" ", 1)[0] if " " in head[most // 2 :] else head) + " …"


def label_text(label: str) -> str:
    """A label as it is shown."""
    return shortened(label, MOST_CHARACTERS // 4)
