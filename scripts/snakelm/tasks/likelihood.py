"""How likely a model holds a text to be, whatever it was pretrained on.

Causal models: the log-likelihood of all tokens after the token that ends documents. Masked models: the
pseudo-log-likelihood, each token masked in turn and predicted from all others (Salazar et al. 2020), at one forward
pass per token. Where the words are given, the later tokens of a token's own word are masked with it: they give away the
beginning of a rare word, which would be scored too well (Kauf and Ivanova 2023, arXiv:2305.10588). Encoder-decoders:
the log-likelihood of the text as what fills a single gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from snakelm.architectures.names import Network
from snakelm.core.errors import UserError
from snakelm.tasks.learner import Batch, Learner, TaskT

if TYPE_CHECKING:
    import torch

TOKENS_PER_PASS = 4096
"""Masked copies are read so many tokens at a time: their logits take 130 MB with a vocabulary of 8,000."""


class Likelihood:
    """Turns token ids into model inputs with all that a kind of model needs around them, and scores them."""

    def __init__(self, tokenizer: Any, network: Network):
        self.tokenizer, self.network = tokenizer, network
        ids = tokenizer.convert_tokens_to_ids
        if network == "encoder" and tokenizer.mask_token_id is None:
            raise UserError("the tokenizer has no mask token, which scoring by a masked model needs; add <mask>")
        ends = (tokenizer.eos_token_id, tokenizer.sep_token_id, tokenizer.bos_token_id, tokenizer.cls_token_id)
        self.before = next((token for token in ends if token is not None), None)
        self.gap = tokenizer.mask_token_id
        if "<extra_id_0>" in tokenizer.get_vocab():
            self.gap = ids("<extra_id_0>")
        if network == "encoder-decoder" and self.gap is None:
            raise UserError("the tokenizer has neither <extra_id_0> nor a mask token, which scoring needs; add one")

    @property
    def extra(self) -> int:
        """Tokens that `wrap` adds."""
        if self.network == "encoder":
            return int(self.tokenizer.num_special_tokens_to_add(pair=False))
        return 1

    def wrap(self, ids: list[int]) -> tuple[list[int], list[int]]:
        """(input ids, which of them are part of the text: 0 or 1)."""
        if self.network == "encoder":
            return _with_special_tokens(self.tokenizer, ids)
        first = self.gap if self.network == "encoder-decoder" else self.before
        # Without any token to begin with, the first is left unscored here and charged as a uniform guess.
        return ([first, *ids], [0, *([1] * len(ids))]) if first is not None else (ids, [0, *([1] * (len(ids) - 1))])

    def nats(
        self,
        model: torch.nn.Module,
        ids_BL: torch.Tensor,
        seen_BL: torch.Tensor,
        scored_BL: torch.Tensor,
        words_BL: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Minus log-likelihood of the scored tokens of each text, (B,), in nats.

        words_BL: the number of each token's word, for a masked model that is not to see the later tokens of the word
        that it predicts a token of."""
        import torch

        if self.network == "encoder":
            return self._masked(model, ids_BL, seen_BL, scored_BL, words_BL)
        if self.network == "encoder-decoder":
            end = [token for token in (self.gap, self.tokenizer.eos_token_id) if token is not None]
            source_BS = torch.tensor([end] * len(ids_BL), device=ids_BL.device)
            labels_BL = ids_BL.masked_fill(seen_BL == 0, -100)
            logits_BLV = model(input_ids=source_BS, labels=labels_BL).logits
            return _nats(logits_BLV, ids_BL, scored_BL)
        logits_BLV = model(input_ids=ids_BL, attention_mask=seen_BL).logits
        return _nats(logits_BLV[:, :-1], ids_BL[:, 1:], scored_BL[:, 1:])

    def _masked(
        self,
        model: Any,
        ids_BL: torch.Tensor,
        seen_BL: torch.Tensor,
        scored_BL: torch.Tensor,
        words_BL: torch.Tensor | None,
    ) -> torch.Tensor:
        import torch

        total_B = torch.zeros(len(ids_BL), dtype=torch.float64)
        text_N, position_N = scored_BL.nonzero(as_tuple=True)
        step = max(1, TOKENS_PER_PASS // ids_BL.shape[1])
        for begin in range(0, len(text_N), step):
            text, position = text_N[begin : begin + step], position_N[begin : begin + step]
            copies_NL, copy = ids_BL[text].clone(), torch.arange(len(text), device=ids_BL.device)
            copies_NL[copy, position] = self.tokenizer.mask_token_id
            if words_BL is not None:
                same_NL = words_BL[text] == words_BL[text, position][:, None]
                later_NL = torch.arange(ids_BL.shape[1], device=ids_BL.device) > position[:, None]
                copies_NL[same_NL & later_NL & (scored_BL[text] != 0)] = self.tokenizer.mask_token_id
            logits_NLV = model(input_ids=copies_NL, attention_mask=seen_BL[text]).logits
            chosen_N = logits_NLV[copy, position].float().log_softmax(-1)[copy, ids_BL[text, position]]
            total_B.index_add_(0, text.cpu(), -chosen_N.double().cpu())
        return total_B


def word_numbers(text: str, offsets: Sequence[tuple[int, int]], parts: Sequence[int | None]) -> list[int]:
    """The number of each token's word, from 0: a word is what the tokenizer takes for one before it cuts it into tokens
    (`parts`: its number there, None for a token of no word), but never goes beyond whitespace.

    offsets: first character and end of each token."""
    numbers: list[int] = []
    for place, (part, (_, end)) in enumerate(zip(parts, offsets, strict=True)):
        before = offsets[place - 1][1] if place else 0
        between = text[min(before, end) : end]
        goes_on = place > 0 and part is not None and part == parts[place - 1] and not any(map(str.isspace, between))
        numbers.append(numbers[-1] + (not goes_on) if numbers else 0)
    return numbers


def _nats(logits_BLV: torch.Tensor, ids_BL: torch.Tensor, scored_BL: torch.Tensor) -> torch.Tensor:
    chances_BLV = logits_BLV.float().log_softmax(-1)
    chosen_BL = chances_BLV.gather(-1, ids_BL[..., None]).squeeze(-1)
    return -(chosen_BL.double() * scored_BL).sum(1).cpu()


def _with_special_tokens(tokenizer: Any, ids: list[int]) -> tuple[list[int], list[int]]:
    """The ids inside the tokenizer's own frame, such as [CLS] … [SEP]."""
    frame = tokenizer("").input_ids  # special tokens alone
    if not frame:
        return ids, [1] * len(ids)
    last = frame[-1:] if len(frame) > 1 or frame[0] != tokenizer.cls_token_id else []
    first = frame[: len(frame) - len(last)]
    return [*first, *ids, *last], [*([0] * len(first)), *([1] * len(ids)), *([0] * len(last))]


class LikelihoodLearner(Learner[TaskT]):
    """Learners whose outputs are likelihoods, one number per feature: minus the log-likelihood in nats."""

    def prepare(self) -> None:
        from snakelm.architectures.build import AUTO_CLASSES

        self.auto_class = AUTO_CLASSES[self.network]
        self.likelihood = Likelihood(self.tokenizer, self.network)
        if self.network == "encoder":
            self.tokens_per_batch = 1024  # every token costs a forward pass

    def forward(self, model: torch.nn.Module, batch: Batch) -> Any:
        if "labels" in batch:
            return model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
        seen, scored, words = batch["attention_mask"], batch["scored"], batch.get("words")
        return self.likelihood.nats(model, batch["input_ids"], seen, scored, words)

    def outputs(self, answer: torch.Tensor, batch: Batch) -> list[float]:
        return answer.tolist()
