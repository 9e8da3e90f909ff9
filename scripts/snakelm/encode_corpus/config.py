"""What determines the stream of token ids that a corpus becomes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from snakelm.core.config import Config


class EncodeConfig(Config):
    """How documents become one long stream of token ids; all models of a corpus and a tokenizer share it."""

    separator: Literal["auto", "eos", "sep", "none"] = Field(
        "auto",
        description="Special token after each document: eos, sep, none, or auto (eos, else sep, else none).",
    )
