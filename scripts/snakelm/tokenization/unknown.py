"""The token that stands for unknown text."""

from __future__ import annotations

from typing import Any


def unknown_token(model: dict[str, Any]) -> str | None:
    """What a model (as in tokenizer.json) itself puts for unknown text, whatever role it was given; None if nothing."""
    if model["type"] == "Unigram":
        token = model["vocab"][model["unk_id"]][0] if model["unk_id"] is not None else None
    else:
        token = model["unk_token"] if model["unk_token"] in model["vocab"] else None
    return None if token is None else str(token)
