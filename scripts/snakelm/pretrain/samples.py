"""What the trained model says: continuations (decoders), words for gaps (encoders), spans (encoder-decoders)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from snakelm.pretrain.config import ModelConfig
from snakelm.pretrain.stream import TokenStream

GAP = "<mask>"
BEST = 5
TEMPERATURE, TOP_K = 0.8, 50
OWN_PROMPTS, OWN_TOKENS = 3, 12


def write_samples(model: Any, tokenizer: Any, config: ModelConfig, stream: TokenStream) -> str:
    """The text of samples.txt, the same for the same weights; without prompts, beginnings of sequences in `stream`."""
    torch.manual_seed(config.seed)
    model.eval()
    prompts = config.prompts or own_prompts(tokenizer, config, stream)
    say = {"decoder": _continue, "encoder": _fill, "encoder-decoder": _restore}[config.network]
    with torch.no_grad():
        return "\n\n".join(say(model, tokenizer, config, prompt) for prompt in prompts) + "\n"


def own_prompts(tokenizer: Any, config: ModelConfig, stream: TokenStream) -> list[str]:
    """Text from evenly spaced places of the split, with a gap in the middle for networks that fill gaps."""
    length = min(OWN_TOKENS, config.sequence_length // 2)
    prompts = []
    for begin in np.linspace(0, max(0, stream.tokens - length), OWN_PROMPTS, dtype=int):
        ids = stream.ids(int(begin), length).tolist()
        if config.network == "decoder":
            prompts.append(tokenizer.decode(ids, skip_special_tokens=True))
        else:
            parts = (ids[: length // 2], ids[length // 2 + 1 :])
            prompts.append(GAP.join(tokenizer.decode(part, skip_special_tokens=True) for part in parts))
    return prompts


def _continue(model: Any, tokenizer: Any, config: ModelConfig, prompt: str) -> str:
    """One token at a time from the last `sequence_length` ones, sampled: no generate(), which some models lack."""
    ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    ids = ids or ([start] if start is not None else [0])
    given = len(ids)
    for _ in range(config.sample_tokens):
        window = torch.tensor([ids[-config.sequence_length :]], device=model.device)
        logits_V = model(input_ids=window, use_cache=False).logits[0, -1].float().cpu()
        best = torch.topk(logits_V / TEMPERATURE, min(TOP_K, len(logits_V)))
        ids.append(int(best.indices[torch.multinomial(best.values.softmax(0), 1)]))
        if ids[-1] == tokenizer.eos_token_id:
            break
    return f"{prompt} ⟶ {tokenizer.decode(ids[given:], skip_special_tokens=True).strip()}"


def _fill(model: Any, tokenizer: Any, config: ModelConfig, prompt: str) -> str:
    ids = tokenizer(prompt.replace(GAP, tokenizer.mask_token), add_special_tokens=False)["input_ids"]
    ids = ids[: config.positions or config.sequence_length] or [tokenizer.mask_token_id]
    ids_BL = torch.tensor([ids], device=model.device)
    lines = [prompt]
    gaps = (ids_BL[0] == tokenizer.mask_token_id).nonzero().flatten().tolist()
    logits_LV = model(input_ids=ids_BL).logits[0].float().softmax(-1).cpu()
    for gap in gaps:
        best = torch.topk(logits_LV[gap], min(BEST, logits_LV.shape[1]))
        pairs = zip(best.values.tolist(), best.indices.tolist(), strict=True)
        lines.append("  ⟶ " + ", ".join(f"{tokenizer.decode([token]).strip()} {share:.2f}" for share, token in pairs))
    return "\n".join(lines)


def _restore(model: Any, tokenizer: Any, config: ModelConfig, prompt: str) -> str:
    sentinel = "<extra_id_0>" if "<extra_id_0>" in tokenizer.get_vocab() else tokenizer.mask_token
    ids = tokenizer(prompt.replace(GAP, sentinel), add_special_tokens=False)["input_ids"][: config.sequence_length]
    ids_BL = torch.tensor([ids or [tokenizer.convert_tokens_to_ids(sentinel)]], device=model.device)
    said = [model.config.decoder_start_token_id]
    for _ in range(min(config.sample_tokens, config.sequence_length - 1)):
        decoder_BL = torch.tensor([said], device=model.device)
        logits_V = model(input_ids=ids_BL, decoder_input_ids=decoder_BL, use_cache=False).logits[0, -1]
        said.append(int(logits_V.argmax()))
        if said[-1] == tokenizer.eos_token_id:
            break
    return f"{prompt} ⟶ {tokenizer.decode(said[1:]).strip()}"
