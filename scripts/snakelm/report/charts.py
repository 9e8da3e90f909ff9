"""What the page's charts show. page.js draws them with Observable Plot, and lists their numbers as a table."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from markupsafe import Markup

from snakelm.report.curves import Curve


@dataclass(frozen=True)
class Series:
    """What belongs together in a chart: a line, a cloud of points, the bars or the intervals of one colour."""

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    colour: int = 0
    """Place in the page's list of colours."""
    strong: bool = True
    """Whether it stands out: validation before training."""
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    """Ends of an interval around each y (lines, or of x where the kind is intervals); empty where there are none."""
    marks: Sequence[str] = ()
    """Intervals: the verdict on each, which colours it."""

    @classmethod
    def of(cls, name: str, line: Curve, colour: int = 0, strong: bool = True) -> Series:
        return cls(name, line.x, line.y, colour, strong)


@dataclass(frozen=True)
class Chart:
    """One chart.

    lines: y over x. points: a cloud. bars: for each of `names` a bar per series, y its lengths. intervals: for each of
    `names` a value (y) with its interval per series; x says which of the names.
    """

    kind: Literal["lines", "points", "bars", "intervals"]
    caption: str
    title: str
    """What a screen reader says."""
    series: tuple[Series, ...]
    x: str = ""
    y: str = ""
    names: tuple[str, ...] = ()
    logarithmic: bool = False
    zero: bool = False
    """Whether 0 is marked."""
    diagonal: bool = False
    """Whether the line y = x is drawn."""
    legend: bool = True
    note: str = ""

    @property
    def data(self) -> Markup:
        """JSON that can stand in a <script>."""
        series = [
            {
                "name": one.name,
                "x": _rounded(one.x),
                "y": _rounded(one.y),
                "colour": one.colour,
                "strong": one.strong,
                **({"low": _rounded(one.low), "high": _rounded(one.high)} if one.low else {}),
                **({"marks": list(one.marks)} if one.marks else {}),
            }
            for one in self.series
        ]
        whole: dict[str, Any] = {"kind": self.kind, "title": self.title, "x": self.x, "y": self.y, "series": series}
        whole |= {"names": list(self.names), "log": self.logarithmic, "zero": self.zero}
        whole |= {"diagonal": self.diagonal, "legend": self.legend}
        return embedded(whole)


@dataclass(frozen=True)
class Column:
    """A column of a table that can be sorted and filtered."""

    title: str
    kind: Literal["text", "number", "score", "difference", "run"] = "text"
    """difference: with its sign. run: the folder of a run below results/, which becomes a link."""


@dataclass(frozen=True)
class Table:
    """A table that page.js makes with Tabulator: sorted, filtered, copied and exported by the reader."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    label: str
    """What a screen reader says."""

    @property
    def data(self) -> Markup:
        columns = [{"title": column.title, "kind": column.kind} for column in self.columns]
        rows = [[_finite(value) for value in row] for row in self.rows]
        return embedded({"name": self.name, "label": self.label, "columns": columns, "rows": rows})


def embedded(value: Any) -> Markup:
    """A value as JSON that ends no <script> and begins no markup, whatever text is in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _rounded(values: Sequence[float | None]) -> list[float | None]:
    """Six significant digits, which is more than a chart can show."""
    return [None if value is None else _finite(float(f"{value:.6g}")) for value in values]


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    return value
