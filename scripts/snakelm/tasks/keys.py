"""Keys that several task types share: each is declared once, and a type extends those that mean something for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from snakelm.architectures.names import Network
from snakelm.tasks.config import TaskConfig, training_key
from snakelm.tasks.rows import read_texts

if TYPE_CHECKING:
    from snakelm.readers.row import Row
    from snakelm.tasks.data import Where


class LabelSmoothing(TaskConfig):
    """Types that learn by cross-entropy."""

    label_smoothing: float = training_key(
        0.0, description="Share of each target spread over all labels.", changes_features=False, ge=0, lt=1
    )


class Windows(TaskConfig):
    """Types whose long inputs are read in windows."""

    stride: int = training_key(
        32, description="Overlap of the windows into which long inputs are cut, in tokens.", ge=0
    )


class Pooling(TaskConfig):
    """Types with one answer per input."""

    pooling: Literal["auto", "mean", "last", "first"] = training_key(
        "auto",
        description="How token vectors become one: auto is the architecture's own way (first token of encoders, last "
        "of causal models), which stock transformers can load; the others need this project or trust_remote_code.",
        changes_features=False,
    )

    def problems(self, network: Network, positions: int | None) -> Iterator[str]:
        if self.pooling == "first" and network == "decoder":
            yield "pooling: first sees only the first token of a causal model; take last or mean"
        yield from super().problems(network, positions)


class Texts(TaskConfig):
    """Types that read one column of text, from a corpus too."""

    unit: Literal["document", "paragraph"] = Field(
        "document", description="With `corpus`: what a row is; paragraphs are separated by empty lines."
    )
    text_column: str = Field("text", description="Column with the text.")

    def reads_paragraphs(self) -> bool:
        return self.unit == "paragraph"

    def text_columns(self) -> list[str]:
        return [self.text_column]

    def input_columns(self, rows: Sequence[Row], where: Where) -> dict[str, list[Any]]:
        return {"text": read_texts(rows, self.text_column)}
