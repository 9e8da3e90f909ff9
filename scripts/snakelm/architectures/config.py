"""What determines an untrained network, given its tokenizer."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from snakelm.architectures.names import KNOWN, WITHOUT_HEADS, objectives_of
from snakelm.core.config import Config
from snakelm.core.errors import did_you_mean

Objective = Literal["mlm", "clm", "span_denoising"]


class ArchitectureConfig(Config):
    """An architecture by name and its sizes; everything else is filled in from these and the tokenizer."""

    architecture: str = Field("gpt2", description="Hugging Face model_type: gpt2, roberta, modernbert, llama, t5, …")
    objective: Objective = Field(
        "clm",
        description="what is predicted: mlm (masked tokens), clm (the next token), span_denoising (missing spans)",
    )
    hidden_size: int = Field(128, description="width of the network, in units per token", ge=4)
    layers: int = Field(2, description="number of layers (each of encoder and decoder, where there are two)", ge=1)
    heads: int = Field(4, description="attention heads per layer; they divide hidden_size", ge=1)
    intermediate_size: int | None = Field(
        None, description="width of the feed-forward layers; by default in the architecture's own proportion", ge=4
    )
    sequence_length: int = Field(128, description="tokens per training sequence", ge=8, le=1_048_576)
    positions: int | None = Field(
        None, description="longest sequence that the network can read, in tokens; by default sequence_length", ge=8
    )
    dropout: float = Field(0.0, description="dropout rate everywhere in the network", ge=0, lt=1)
    config: dict[str, Any] = Field(
        default_factory=dict, description="further keys of the architecture's Hugging Face config, taken as they are"
    )

    @model_validator(mode="after")
    def _can_be_built(self) -> ArchitectureConfig:
        if self.architecture not in KNOWN:
            raise ValueError(f"architecture {self.architecture!r} is unknown{did_you_mean(self.architecture, KNOWN)}")
        if self.objective not in (allowed := objectives_of(self.architecture)):
            raise ValueError(
                f"architecture {self.architecture} cannot be trained with objective {self.objective};"
                f" it can with {' or '.join(allowed)}"
            )
        if self.architecture not in WITHOUT_HEADS and self.hidden_size % self.heads:
            raise ValueError(f"heads ({self.heads}) must divide hidden_size ({self.hidden_size})")
        if self.positions is not None and self.positions < self.sequence_length:
            raise ValueError(
                f"sequence_length ({self.sequence_length}) is longer than the model's positions ({self.positions})"
            )
        return self

    def architecture_config(self) -> ArchitectureConfig:
        """Only the part that describes the network, for a model that is built but not pretrained."""
        return ArchitectureConfig(**{name: getattr(self, name) for name in ArchitectureConfig.model_fields})
