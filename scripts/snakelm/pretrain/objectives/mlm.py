"""Masked language modelling: a share of the tokens, or of whole words, is hidden and predicted from both sides.

Sources: BERT (arXiv:1810.04805) for the 80/10/10 split, Wettig et al. 2023 (arXiv:2202.08005) for masking rates
above 15 %.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, model_validator

from snakelm.architectures.names import Network
from snakelm.core.errors import UserError
from snakelm.pretrain.batches import Batches
from snakelm.pretrain.config import MaskingConfig
from snakelm.pretrain.objectives import objectives
from snakelm.tokenization.needs import TokenNeed

if TYPE_CHECKING:
    import numpy as np
    import torch

    from snakelm.pretrain.batches import Sample


@objectives.register("mlm")
class MaskedLanguageModel(MaskingConfig):
    """An encoder that learns to predict hidden tokens."""

    network: ClassVar[Network] = "encoder"
    needs: ClassVar[tuple[TokenNeed, ...]] = ("mask",)

    masking_split: tuple[float, float, float] = Field(
        (0.8, 0.1, 0.1),
        description="Shares of the hidden tokens that become the mask, a random token, themselves.",
    )
    whole_words: bool = Field(False, description="Hide all tokens of a word together.")

    @model_validator(mode="after")
    def _split_is_whole(self) -> Self:
        if abs(sum(self.masking_split) - 1) > 1e-6 or min(self.masking_split) < 0:
            raise ValueError("masking_split must be three shares that sum to 1 (mask, random, unchanged)")
        return self

    def batches(self, tokenizer: Any, stream: Any, samples: int | None = None) -> MaskedTokens:
        return MaskedTokens(self, tokenizer, stream, samples)

    def for_evaluation(self) -> Self:
        return super().for_evaluation().with_defaults("masking_split", "whole_words")


class MaskedTokens(Batches[MaskedLanguageModel]):
    """Only the hidden positions are labelled; special tokens are never hidden."""

    def prepare(self) -> None:
        import numpy as np

        from snakelm.training.masking import ordinary_tokens

        if self.tokenizer.mask_token_id is None:
            raise UserError("objective mlm needs a mask token, and the tokenizer has none; add <mask>")
        self.special = np.array(sorted(self.tokenizer.all_special_ids), dtype=np.int64)
        self.ordinary = ordinary_tokens(self.tokenizer)

    def read(self, row: int, epoch: int, position: int) -> Sample:
        import numpy as np

        from snakelm.training.masking import hide
        from snakelm.training.sampling import generator

        ids_L = self.ids(row, epoch)
        random = generator(self.config.seed, 1, epoch, position)
        free_L = ~np.isin(ids_L, self.special)
        rate = self.config.rate_at(epoch * self.rows + position, self.samples)
        wanted = max(1, round(rate * self.length))
        if self.config.whole_words:
            chosen_N = _choose_words(random, self.word_starts(row, epoch), free_L, wanted)
        else:
            chosen_N = np.sort(random.permutation(np.flatnonzero(free_L))[:wanted])
        labels_N = ids_L[chosen_N]
        hide(ids_L, chosen_N, random, self.tokenizer.mask_token_id, self.ordinary, self.config.masking_split)
        return {"ids": ids_L, "positions": chosen_N, "labels": labels_N}

    def collate(self, samples: list[Sample]) -> dict[str, torch.Tensor]:
        import numpy as np
        import torch

        places = [sample["positions"] + number * self.length for number, sample in enumerate(samples)]
        return {
            "input_ids": torch.from_numpy(np.stack([sample["ids"] for sample in samples])),
            "label_positions": torch.from_numpy(np.concatenate(places)),
            "labels": torch.from_numpy(np.concatenate([sample["labels"] for sample in samples])),
        }


def _choose_words(random: np.random.Generator, starts_L: np.ndarray, free_L: np.ndarray, wanted: int) -> np.ndarray:
    """Positions of whole words drawn at random until `wanted` tokens are reached or would be passed by half a word."""
    import numpy as np

    word_L = np.cumsum(starts_L) - 1
    sizes_W = np.bincount(word_L, weights=free_L).astype(np.int64)
    order = random.permutation(np.flatnonzero(sizes_W))
    total = np.cumsum(sizes_W[order])
    count = max(1, int(np.searchsorted(total, wanted)) + 1)
    if count > 1 and count <= len(total) and total[count - 1] - wanted > wanted - total[count - 2]:
        count -= 1
    return np.flatnonzero(np.isin(word_L, order[:count]) & free_L)
