"""What determines an untrained network, given its tokenizer."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from snakelm.architectures.names import KNOWN, WITHOUT_HEADS, Network, described, networks_of
from snakelm.core.config import Config
from snakelm.core.errors import did_you_mean


class SizesConfig(Config):
    """An architecture by name and its sizes; everything else is filled in from these and the tokenizer."""

    architecture: str = Field("gpt2", description="Hugging Face model_type: gpt2, roberta, modernbert, llama, t5, ….")
    hidden_size: int = Field(128, description="Width of the network, in units per token.", ge=4)
    layers: int = Field(2, description="Number of layers (each of encoder and decoder, where there are two).", ge=1)
    heads: int = Field(4, description="Attention heads per layer; they divide hidden_size.", ge=1)
    intermediate_size: int | None = Field(
        None, description="Width of the feed-forward layers; by default in the architecture's own proportion.", ge=4
    )
    sequence_length: int = Field(128, description="Tokens per training sequence.", ge=8, le=1_048_576)
    positions: int | None = Field(
        None, description="Longest sequence that the network can read, in tokens; by default sequence_length.", ge=8
    )
    dropout: float = Field(0.0, description="Dropout rate everywhere in the network.", ge=0, lt=1)
    config: dict[str, Any] = Field(
        default_factory=dict, description="Further keys of the architecture's Hugging Face config, taken as they are."
    )

    @model_validator(mode="after")
    def _fit_together(self) -> SizesConfig:
        if self.architecture not in KNOWN:
            raise ValueError(f"architecture {self.architecture!r} is unknown{did_you_mean(self.architecture, KNOWN)}")
        if self.architecture not in WITHOUT_HEADS and self.hidden_size % self.heads:
            raise ValueError(f"heads ({self.heads}) must divide hidden_size ({self.hidden_size})")
        if self.positions is not None and self.positions < self.sequence_length:
            raise ValueError(
                f"sequence_length ({self.sequence_length}) is longer than the model's positions ({self.positions})"
            )
        return self


class ArchitectureConfig(SizesConfig):
    """A network: sizes, and which of the kinds that its architecture can be. That is all; how it is trained is not."""

    network: Network = Field("decoder", description="Kind of network: encoder, decoder or encoder-decoder.")

    @model_validator(mode="after")
    def _can_be_built(self) -> ArchitectureConfig:
        if self.network not in (kinds := networks_of(self.architecture)):
            raise ValueError(f"architecture {self.architecture} is {described(kinds)}, not {described([self.network])}")
        return self
