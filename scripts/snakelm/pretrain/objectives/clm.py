"""Causal language modelling: each position predicts the token after it (GPT-2; Radford et al. 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from snakelm.architectures.names import Network
from snakelm.pretrain.batches import Batches
from snakelm.pretrain.config import ModelConfig
from snakelm.pretrain.objectives import objectives
from snakelm.tokenization.needs import TokenNeed

if TYPE_CHECKING:
    import torch

    from snakelm.pretrain.batches import Sample


@objectives.register("clm")
class CausalLanguageModel(ModelConfig):
    """A decoder that learns to predict the next token."""

    network: ClassVar[Network] = "decoder"
    needs: ClassVar[tuple[TokenNeed, ...]] = ("end",)

    def batches(self, tokenizer: Any, stream: Any, samples: int | None = None) -> NextTokens:
        return NextTokens(self, tokenizer, stream, samples)


class NextTokens(Batches[CausalLanguageModel]):
    """The label of each position is the token after it, that of the last one the first of the next sequence."""

    def prepare(self) -> None:
        self.span = self.length + 1

    def read(self, row: int, epoch: int, position: int) -> Sample:
        return {"ids": self.ids(row, epoch)}

    def collate(self, samples: list[Sample]) -> dict[str, torch.Tensor]:
        import numpy as np
        import torch

        ids_BL = torch.from_numpy(np.stack([sample["ids"] for sample in samples]))
        return {"input_ids": ids_BL[:, :-1].contiguous(), "labels": ids_BL[:, 1:].reshape(-1)}
