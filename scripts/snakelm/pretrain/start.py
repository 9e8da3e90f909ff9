"""The model that training starts from, and whether it fits the text, the tokenizer and the length of the sequences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import PreTrainedModel

from snakelm.architectures.build import AUTO_CLASSES, build_model, known_tokens
from snakelm.architectures.outside import read_weights
from snakelm.architectures.sizes import longest_input
from snakelm.core.errors import UserError, one_line
from snakelm.pretrain.batches import Batches
from snakelm.pretrain.config import ENTRY, ModelConfig
from snakelm.tokenization.outside import read_tokenizer

TRIED = 16
"""Tokens of the one sequence that is computed before training."""


def starting_model(config: ModelConfig, tokenizer: Any, init: Path | None = None) -> PreTrainedModel:
    """Random weights, or those of `init` with its vocabulary checked against the tokenizer's.

    `init` is the run of the entry that the config goes on from, if it goes on from one.
    """
    if config.init == "scratch":
        model = build_model(config.architecture_config(), tokenizer, seed=config.seed)
    else:
        model = _continued_model(config, str(init or config.init), tokenizer)
    if config.attention is not None:
        try:
            model.set_attn_implementation(config.attention)
        except (ValueError, ImportError) as error:
            raise UserError(f"attention: {config.attention}: {one_line(error)}") from None
    return model


def _continued_model(config: ModelConfig, init: str, tokenizer: Any) -> PreTrainedModel:
    auto = getattr(transformers, AUTO_CLASSES[config.network])
    loaded = read_weights(auto, init, said=f"init: {init}")
    loaded.require_whole(f"init: {init}")
    model = loaded.model
    rows = known_tokens(model)
    if rows < len(tokenizer):
        raise UserError(
            f"init: {init} has {rows} tokens, the tokenizer {len(tokenizer)}; use its own tokenizer (existing: …)"
        )
    _require_same_tokens(init, tokenizer)
    model.config._name_or_path = ""
    return model


def _require_same_tokens(init: str, tokenizer: Any) -> None:
    """The embeddings stand for the tokens of the tokenizer beside the model, if there is one."""
    try:
        theirs = read_tokenizer(init).get_vocab()
    except UserError:  # no tokenizer there, or one that this installation cannot read: nothing to compare
        return
    ours = tokenizer.get_vocab()
    other = [token for token, number in theirs.items() if token in ours and ours[token] != number]
    lost = [token for token in theirs if token not in ours]
    if other or len(lost) > len(theirs) // 2:
        raise UserError(
            f"init: {init} was trained with another vocabulary ({len(other) + len(lost)} of its {len(theirs)} tokens"
            " have another id in this tokenizer or none); use its own tokenizer (existing: …)"
        )


def require_fit(model: Any, batches: Batches[Any]) -> None:
    """UserError if the sequences are longer than the positions, the network cannot compute the first tokens, or its
    tokens do not see what the objective needs them to see."""
    config = batches.config
    positions = longest_input(model.config)
    if positions is not None and batches.longest > positions:
        longer = f" (spans and sentinels included: {batches.longest})" if batches.longest > batches.length else ""
        raise UserError(
            f"sequence_length {config.sequence_length}{longer} is longer than the {positions} positions of"
            f" {config.architecture if config.init in ('scratch', ENTRY) else config.init}; shorten it or set positions"
        )
    batch = batches.collate([batches.read(0, 0, 0)])
    names = [name for name in ("input_ids", "decoder_input_ids") if name in batch]
    inputs = {str(name): batch[name][:, :TRIED] for name in names}
    model.eval()
    try:
        with torch.no_grad():
            _require_view(model, config, inputs)
    except (ValueError, TypeError, RuntimeError, IndexError, AttributeError, AssertionError, KeyError) as error:
        raise UserError(
            f"architecture {config.architecture} cannot be computed at these sizes:"
            f" {one_line(error)}; set what it needs under config:"
        ) from error
    finally:
        model.train()


def _require_view(model: Any, config: ModelConfig, inputs: dict[str, torch.Tensor]) -> None:
    """A decoder's tokens must not see those after them, which they are to predict; an encoder's must.

    Told by what changes when one token is another: of the logits before it nothing may, or something must, compared
    with those after it. (Sums that are rounded in another order change 1000 times less.)
    """
    logits_LV = model(**inputs).logits[0]
    ids_BL = inputs["input_ids"]
    place = (ids_BL.shape[1] - 1) * 3 // 4
    if config.network == "encoder-decoder" or not place:
        return
    other_BL = ids_BL.clone()
    other_BL[:, place] = torch.where(other_BL[:, place] == 0, 1, other_BL[:, place] - 1)
    change_L = (model(**(inputs | {"input_ids": other_BL})).logits[0] - logits_LV).abs().amax(dim=-1)
    before, after = change_L[:place].max().item(), change_L[place + 1 :].max().item()
    if config.network == "decoder" and before > 0.01 * after:
        raise UserError(
            f"architecture {config.architecture} sees the tokens that objective {config.objective} has it predict;"
            " use one that looks back alone, or set what makes it do so under config:"
        )
    if config.network == "encoder" and before <= 0.01 * after:
        raise UserError(
            f"architecture {config.architecture} does not see the tokens after the hidden ones, as objective"
            f" {config.objective} needs; use one that looks both ways, or set what makes it do so under config:"
        )
