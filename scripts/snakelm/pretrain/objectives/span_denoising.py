"""Span denoising: spans are cut out of the text, and the decoder predicts them (T5; arXiv:1910.10683)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field

from snakelm.architectures.names import Network
from snakelm.core.errors import UserError
from snakelm.pretrain.batches import Batches
from snakelm.pretrain.config import MaskingConfig
from snakelm.pretrain.objectives import objectives
from snakelm.tokenization.needs import TokenNeed

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import PretrainedConfig

    from snakelm.pretrain.batches import Sample


@objectives.register("span_denoising")
class SpanDenoising(MaskingConfig):
    """An encoder-decoder that learns to predict missing spans."""

    network: ClassVar[Network] = "encoder-decoder"
    needs: ClassVar[tuple[TokenNeed, ...]] = ("end", "sentinels")

    span_length: float = Field(3.0, description="Mean length of a hidden span, in tokens.", ge=1)

    def batches(self, tokenizer: Any, stream: Any, samples: int | None = None) -> MissingSpans:
        return MissingSpans(self, tokenizer, stream, samples)

    def for_evaluation(self) -> Self:
        return super().for_evaluation().with_defaults("span_length")


class MissingSpans(Batches[SpanDenoising]):
    """Each span leaves a sentinel in the source; the target is the sentinels, each with what was there.

    Sentinels are the tokenizer's <extra_id_0>, <extra_id_1>, …; a tokenizer without them uses its mask token for all.
    """

    start = 0
    """The id with which the decoder begins."""

    def prepare(self) -> None:
        import numpy as np

        vocabulary = self.tokenizer.get_vocab()
        numbered = [vocabulary[f"<extra_id_{n}>"] for n in range(1000) if f"<extra_id_{n}>" in vocabulary]
        hidden = round(max(self.config.masking_rate, self.config.masking_rate_end or 0) * self.length)
        most = max(1, round(hidden / self.config.span_length))
        if not numbered and self.tokenizer.mask_token_id is None:
            raise UserError("objective span_denoising needs <extra_id_0>, <extra_id_1>, … or a mask token; add them")
        if numbered and len(numbered) < most:
            raise UserError(
                f"span_denoising of {self.length} tokens hides up to {most} spans, and the tokenizer has only"
                f" {len(numbered)} sentinels; add more <extra_id_n>, or shorten sequence_length"
            )
        self.sentinels = np.array(numbered or [self.tokenizer.mask_token_id] * self.length, dtype=np.int64)
        end = self.tokenizer.eos_token_id if self.tokenizer.eos_token_id is not None else self.tokenizer.sep_token_id
        self.end = np.array([] if end is None else [end], dtype=np.int64)

    def meet(self, network: PretrainedConfig) -> None:
        self.start = getattr(network, "decoder_start_token_id", None) or 0

    @property
    def longest(self) -> int:
        """Short spans leave a sentinel for nearly each token that they take; many hidden tokens make a long target."""
        lengths = []
        for rate in (self.config.masking_rate, self.config.masking_rate_end or self.config.masking_rate):
            hidden, spans = self._counts(rate)
            lengths.append(spans + len(self.end) + max(hidden, self.length - hidden))
        return max(lengths)

    def _counts(self, rate: float) -> tuple[int, int]:
        """How many tokens are hidden at this rate, in how many spans."""
        hidden = min(self.length - 1, max(1, round(rate * self.length)))
        spans = max(1, round(hidden / self.config.span_length))
        return hidden, min(spans, hidden, self.length - hidden, len(self.sentinels))

    def read(self, row: int, epoch: int, position: int) -> Sample:
        import numpy as np

        from snakelm.training.sampling import generator

        ids_L = self.ids(row, epoch)
        random = generator(self.config.seed, 1, epoch, position)
        hidden, spans = self._counts(self.config.rate_at(epoch * self.rows + position, self.samples))
        lost = _parts(random, hidden, spans)
        kept = _parts(random, self.length - hidden, spans)
        source, target, at = [], [], 0
        for sentinel, keep, lose in zip(self.sentinels, kept, lost, strict=False):
            source += [ids_L[at : at + keep], [sentinel]]
            target += [[sentinel], ids_L[at + keep : at + keep + lose]]
            at += keep + lose
        return {"ids": np.concatenate([*source, self.end]), "labels": np.concatenate([*target, self.end])}

    def collate(self, samples: list[Sample]) -> dict[str, torch.Tensor]:
        import torch

        pad = self.tokenizer.pad_token_id
        source_BL, here_BL = _padded([sample["ids"] for sample in samples], pad)
        target_BL, there_BL = _padded([sample["labels"] for sample in samples], pad)
        decoder_BL = torch.cat([torch.full((len(samples), 1), self.start), target_BL[:, :-1]], dim=1)
        return {
            "input_ids": source_BL,
            "attention_mask": here_BL.long(),
            "decoder_input_ids": decoder_BL,
            "label_positions": there_BL.reshape(-1).nonzero().squeeze(1),
            "labels": target_BL[there_BL],
        }


def _parts(random: np.random.Generator, total: int, parts: int) -> np.ndarray:
    """`total` cut into `parts` pieces of at least 1, all cuts equally likely."""
    import numpy as np

    cuts = np.sort(random.permutation(total - 1)[: parts - 1]) + 1
    return np.diff(np.concatenate([[0], cuts, [total]]))


def _padded(rows: list[np.ndarray], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    import torch

    length = max(map(len, rows))
    ids_BL = torch.full((len(rows), length), pad)
    here_BL = torch.zeros((len(rows), length), dtype=torch.bool)
    for number, row in enumerate(rows):
        ids_BL[number, : len(row)] = torch.from_numpy(row)
        here_BL[number, : len(row)] = True
    return ids_BL, here_BL
