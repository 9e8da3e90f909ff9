"""Features: what the model is fed, one entry per window of a row, unpadded until batches of like length are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch

IGNORED = -100
"""Label of a position that is not learnt (torch's own default)."""


@dataclass
class Features:
    """Token ids and whatever else a task type needs, as lists with one entry per feature.

    `columns` are given to the model padded: input_ids, token_type_ids, labels. `row[i]` is the number of the row
    (in its split) that feature i comes from; long rows may have several. `notes` stay unpadded for decoding.
    All of it is lists, numbers and texts, which a cache can keep as they are.
    """

    columns: dict[str, list[Any]]
    row: list[int]
    notes: dict[str, list[Any]] = field(default_factory=dict)
    sizes: list[int] | None = None
    """Length of each feature where it is not that of its input_ids."""
    remark: str | None = None
    """What the user should know of them."""

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, number: int) -> dict[str, Any]:
        return {name: values[number] for name, values in self.columns.items()}

    def lengths(self) -> np.ndarray:
        """Length of each feature's input in tokens, (features,)."""
        import numpy as np

        return np.array(self.sizes or [len(ids) for ids in self.columns["input_ids"]])


def pad(items: Sequence[dict[str, Any]], pad_id: int, left: bool = False) -> dict[str, torch.Tensor]:
    """Stack features: ids padded to the longest (on the right, or left), labels with −100, numbers as they are."""
    import numpy as np
    import torch

    batch: dict[str, torch.Tensor] = {}
    for name in items[0]:
        values = [item[name] for item in items]
        if name == "input_ids":  # a text of which the tokenizer leaves nothing is read as one padding token
            values = [ids if len(ids) else [pad_id] for ids in values]
        if not isinstance(values[0], (list, np.ndarray)):
            batch[name] = torch.tensor(values)
            continue
        fill = {"input_ids": pad_id, "labels": IGNORED}.get(name, 0)
        batch[name] = _padded(values, fill, left)
        if name == "input_ids":
            batch["attention_mask"] = _padded([[1] * len(ids) for ids in values], 0, left)
    if "token_type_ids" in batch and batch["token_type_ids"].shape != batch["input_ids"].shape:
        batch["token_type_ids"] = torch.zeros_like(batch["input_ids"])  # all texts of the batch are empty
    return batch


def _padded(rows: Sequence[Sequence[int]], fill: int, left: bool) -> torch.Tensor:
    import numpy as np
    import torch

    width = max(len(row) for row in rows)
    first = next((row[0] for row in rows if len(row)), 0)
    out = np.full((len(rows), width), fill, dtype=np.float32 if isinstance(first, float) else np.int64)
    for number, row in enumerate(rows):
        if len(row):
            out[number, slice(width - len(row), None) if left else slice(len(row))] = row
    return torch.from_numpy(out)
