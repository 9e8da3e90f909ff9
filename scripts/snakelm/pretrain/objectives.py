"""What is hidden from the model and what it has to say: masked tokens, the next token, or missing spans.

An objective turns a row of a `TokenStream` into one training sequence, as a pure function of (seed, epoch,
position); the count of hidden tokens is the same in every sequence, so nothing is padded and no process has more to
do than another. Shapes: B sequences, L tokens each, N labelled positions in the batch.

Sources: BERT (arXiv:1810.04805) for the 80/10/10 split, Wettig et al. 2023 (arXiv:2202.08005) for masking rates
above 15 %, T5 (arXiv:1910.10683) for span denoising with sentinels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from snakelm.core.errors import UserError
from snakelm.pretrain.config import ModelConfig
from snakelm.pretrain.stream import TokenStream
from snakelm.training.samples import generator

EVALUATION_RATE = 0.15
"""Masking rate in evaluation, whatever the training rate."""
Sample = dict[str, np.ndarray]


class Objective:
    """Rows of one split as samples, and samples as a batch.

    Args:
        rate: (epoch, position) → masking rate, for objectives that hide tokens.
        seed: of masks.
    """

    stride: int
    span: int

    def __init__(
        self, config: ModelConfig, tokenizer: Any, stream: TokenStream, seed: int, rate: Callable[[int, int], float]
    ):
        self.config, self.tokenizer, self.stream, self.seed, self.rate = config, tokenizer, stream, seed, rate
        self.length = config.sequence_length
        self.prepare()
        self.rows = max(0, (stream.tokens - (self.span - self.stride)) // self.stride)

    @property
    def longest(self) -> int:
        """The most positions that a sequence takes in the network."""
        return self.length

    def prepare(self) -> None:
        """Set `span` (tokens read for one sequence) and `stride` (tokens from one sequence to the next)."""
        self.span = self.stride = self.length

    def read(self, row: int, epoch: int, position: int) -> Sample:
        raise NotImplementedError

    def collate(self, samples: list[Sample]) -> dict[str, torch.Tensor]:
        raise NotImplementedError


class NextToken(Objective):
    """clm: each position says the token after it, the last one the first of the next sequence."""

    def prepare(self) -> None:
        self.stride, self.span = self.length, self.length + 1

    def read(self, row: int, epoch: int, position: int) -> Sample:
        return {"ids": self.stream.ids(row * self.stride, self.span)}

    def collate(self, samples: list[Sample]) -> dict[str, torch.Tensor]:
        ids_BL = torch.from_numpy(np.stack([sample["ids"] for sample in samples]))
        return {"input_ids": ids_BL[:, :-1].contiguous(), "labels": ids_BL[:, 1:].reshape(-1)}


class MaskedTokens(Objective):
    """mlm: a share of the tokens, or of whole words, is replaced; only those positions are labelled."""

    def prepare(self) -> None:
        super().prepare()
        if self.tokenizer.mask_token_id is None:
            raise UserError("objective mlm needs a mask token, and the tokenizer has none; add <mask>")
        self.special = np.array(sorted(self.tokenizer.all_special_ids), dtype=np.int64)
        self.ordinary = np.setdiff1d(np.arange(len(self.tokenizer)), self.special)

    def read(self, row: int, epoch: int, position: int) -> Sample:
        begin = row * self.stride
        ids_L = self.stream.ids(begin, self.length)
        random = generator(self.seed, 1, epoch, position)
        free_L = ~np.isin(ids_L, self.special)
        wanted = max(1, round(self.rate(epoch, position) * self.length))
        if self.config.whole_words:
            chosen_N = _choose_words(random, self.stream.word_starts(begin, self.length), free_L, wanted)
        else:
            free = np.flatnonzero(free_L)
            chosen_N = np.sort(random.permutation(free)[:wanted])
        labels_N = ids_L[chosen_N]
        draw_N = random.random(len(chosen_N))
        mask, other, _ = self.config.masking_split
        ids_L[chosen_N[draw_N < mask]] = self.tokenizer.mask_token_id
        swapped_N = chosen_N[(draw_N >= mask) & (draw_N < mask + other)]
        ids_L[swapped_N] = random.choice(self.ordinary, len(swapped_N))
        return {"ids": ids_L, "positions": chosen_N, "labels": labels_N}

    def collate(self, samples: list[Sample]) -> dict[str, torch.Tensor]:
        places = [sample["positions"] + number * self.length for number, sample in enumerate(samples)]
        return {
            "input_ids": torch.from_numpy(np.stack([sample["ids"] for sample in samples])),
            "label_positions": torch.from_numpy(np.concatenate(places)),
            "labels": torch.from_numpy(np.concatenate([sample["labels"] for sample in samples])),
        }


class MissingSpans(Objective):
    """span_denoising: spans are cut out, each leaving a sentinel; the decoder says the sentinels and what was there.

    Sentinels are the tokenizer's <extra_id_0>, <extra_id_1>, …; a tokenizer without them uses its mask token for all.
    """

    def prepare(self) -> None:
        super().prepare()
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
        ids_L = self.stream.ids(row * self.stride, self.length)
        random = generator(self.seed, 1, epoch, position)
        hidden, spans = self._counts(self.rate(epoch, position))
        lost = _parts(random, hidden, spans)
        kept = _parts(random, self.length - hidden, spans)
        source, target, at = [], [], 0
        for sentinel, keep, lose in zip(self.sentinels, kept, lost, strict=False):
            source += [ids_L[at : at + keep], [sentinel]]
            target += [[sentinel], ids_L[at + keep : at + keep + lose]]
            at += keep + lose
        return {"ids": np.concatenate([*source, self.end]), "labels": np.concatenate([*target, self.end])}

    def collate(self, samples: list[Sample]) -> dict[str, torch.Tensor]:
        pad, start = self.tokenizer.pad_token_id, self.start
        source_BL, here_BL = _padded([sample["ids"] for sample in samples], pad)
        target_BL, there_BL = _padded([sample["labels"] for sample in samples], pad)
        decoder_BL = torch.cat([torch.full((len(samples), 1), start), target_BL[:, :-1]], dim=1)
        return {
            "input_ids": source_BL,
            "attention_mask": here_BL.long(),
            "decoder_input_ids": decoder_BL,
            "label_positions": there_BL.reshape(-1).nonzero().squeeze(1),
            "labels": target_BL[there_BL],
        }

    start = 0
    """The id with which the decoder begins: the model's decoder_start_token_id."""


OBJECTIVES: dict[str, type[Objective]] = {"clm": NextToken, "mlm": MaskedTokens, "span_denoising": MissingSpans}


def training(config: ModelConfig, tokenizer: Any, stream: TokenStream, samples: int | None) -> Objective:
    """The objective on training text; `samples` is the run's number of sequences (masking rates may follow)."""
    first, last = config.masking_rate, config.masking_rate_end

    def rate(epoch: int, position: int) -> float:
        if last is None or not samples:
            return first
        return first + (last - first) * min(1.0, (epoch * objective.rows + position) / samples)

    objective = OBJECTIVES[config.objective](config, tokenizer, stream, config.seed, rate)
    return objective


def evaluation(config: ModelConfig, tokenizer: Any, stream: TokenStream) -> Objective:
    """The objective on held-out text: the same masks in every evaluation, whatever the training's masking options."""
    fixed = config.model_copy(update={"masking_split": (0.8, 0.1, 0.1), "whole_words": False, "span_length": 3.0})
    return OBJECTIVES[config.objective](fixed, tokenizer, stream, 0, lambda epoch, position: EVALUATION_RATE)


def _choose_words(random: np.random.Generator, starts_L: np.ndarray, free_L: np.ndarray, wanted: int) -> np.ndarray:
    """Positions of whole words drawn at random until `wanted` tokens are reached or would be passed by half a word."""
    word_L = np.cumsum(starts_L) - 1
    sizes_W = np.bincount(word_L, weights=free_L).astype(np.int64)
    order = random.permutation(np.flatnonzero(sizes_W))
    total = np.cumsum(sizes_W[order])
    count = max(1, int(np.searchsorted(total, wanted)) + 1)
    if count > 1 and count <= len(total) and total[count - 1] - wanted > wanted - total[count - 2]:
        count -= 1
    return np.flatnonzero(np.isin(word_L, order[:count]) & free_L)


def _parts(random: np.random.Generator, total: int, parts: int) -> np.ndarray:
    """`total` cut into `parts` pieces of at least 1, all cuts equally likely."""
    cuts = np.sort(random.permutation(total - 1)[: parts - 1]) + 1
    return np.diff(np.concatenate([[0], cuts, [total]]))


def _padded(rows: list[np.ndarray], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    length = max(map(len, rows))
    ids_BL = torch.full((len(rows), length), pad)
    here_BL = torch.zeros((len(rows), length), dtype=torch.bool)
    for number, row in enumerate(rows):
        ids_BL[number, : len(row)] = torch.from_numpy(row)
        here_BL[number, : len(row)] = True
    return ids_BL, here_BL
