"""Text as training sequences: the base of what objectives make of it.

An objective turns a row of a `TokenStream` into one training sequence, as a pure function of (seed, epoch,
position); the count of hidden tokens is the same in every sequence, so nothing is padded and no process has more to
do than another. Shapes: B sequences, L tokens each, N labelled positions in the batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from snakelm.pretrain.config import ModelConfig

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

    from snakelm.pretrain.stream import TokenStream

    Sample = dict[str, np.ndarray]

ModelT = TypeVar("ModelT", bound=ModelConfig)


class Batches(Generic[ModelT]):
    """Rows of one split as samples, and samples as a batch. Subclasses import numpy and torch in their methods, so
    that reading a recipe does not.

    Args:
        config: the objective with its keys; its seed is that of the masks.
        stream: the text; row r begins at its token r × stride, in the order of the epoch.
        samples: number of sequences in the whole training (masking rates may follow it); None if it is open.

    Attributes: length (tokens of a sequence, L), span (tokens read for one sequence), stride (tokens from one sequence
    to the next), rows (sequences in the split).
    """

    def __init__(
        self, config: ModelT, tokenizer: PreTrainedTokenizerBase, stream: TokenStream, samples: int | None = None
    ):
        # `Any`: transformers types the ids of special tokens as int | None, and `prepare` has looked that they exist.
        self.config, self.stream, self.samples = config, stream, samples
        self.tokenizer: Any = tokenizer
        self.length = self.span = self.stride = config.sequence_length
        self._shuffled = stream.shuffled(config.seed) if config.order == "documents" and stream.tokens else None
        self.prepare()
        self.rows = max(0, (stream.tokens - (self.span - self.stride)) // self.stride)

    @property
    def longest(self) -> int:
        """The most positions that a sequence takes in the network."""
        return self.length

    def prepare(self) -> None:
        """Get ready, once: set `span` and `stride` where they are not `length`; UserError if a token is missing."""

    def meet(self, network: PretrainedConfig) -> None:
        """Take from the network that is trained what batches need of it."""

    def ids(self, row: int, epoch: int) -> np.ndarray:
        """The token ids (span) that a row reads in an epoch, as int64."""
        begin = row * self.stride
        if self._shuffled is not None:
            return self._shuffled.ids(epoch, begin, self.span)
        return self.stream.ids(begin, self.span)

    def word_starts(self, row: int, epoch: int) -> np.ndarray:
        """For the same tokens, whether a word begins there."""
        begin = row * self.stride
        if self._shuffled is not None:
            return self._shuffled.word_starts(epoch, begin, self.span)
        return self.stream.word_starts(begin, self.span)

    def read(self, row: int, epoch: int, position: int) -> Sample:
        """The sequence that row is at this position of this epoch."""
        raise NotImplementedError

    def collate(self, samples: list[Sample]) -> dict[str, torch.Tensor]:
        """The network's inputs (B × L) with `labels` (N), and `label_positions` (N, in the flattened B × L of the
        logits) unless every position has a label."""
        raise NotImplementedError
