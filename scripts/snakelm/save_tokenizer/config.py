"""What can be said about saving and measuring a tokenizer."""

from __future__ import annotations

from pydantic import Field

from snakelm.core.config import Config


class SaveConfig(Config):
    """How a trained tokenizer is packed and measured."""

    model_max_length: int | None = Field(
        None,
        gt=0,
        description="Maximum length of an input in tokens, written to tokenizer_config.json; null = no limit stated.",
    )
    measured_megabytes: float = Field(
        4.0, gt=0, description="Size of the beginning of the validation split that is measured, in MB of UTF-8 text."
    )
