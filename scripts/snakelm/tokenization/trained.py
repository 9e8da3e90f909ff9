"""What train_tokenizer tells save_tokenizer beside tokenizer.json: training.json."""

from __future__ import annotations

from dataclasses import dataclass

FILE = "training.json"


@dataclass(frozen=True)
class TrainedTokenizer:
    """How a tokenizer came about, and what has to be written into its tokenizer_config.json."""

    kind: str
    """The kind that was trained, or `existing`."""
    roles: dict[str, str]
    """Role (`pad_token`, …) → token."""
    family: str | None = None
    max_length: int | None = None
    """The longest input in tokens that an existing tokenizer states."""
    inputs: tuple[str, ...] = ()
    """What the models of an existing tokenizer take: input_ids, attention_mask, for some token_type_ids."""
    padding_side: str | None = None
    truncation_side: str | None = None
    chat_template: str | None = None

    @property
    def settings(self) -> dict[str, str]:
        """Further settings of tokenizer_config.json that an existing tokenizer states and that matter to users."""
        stated = {name: getattr(self, name) for name in ("padding_side", "truncation_side", "chat_template")}
        return {name: value for name, value in stated.items() if value is not None}
