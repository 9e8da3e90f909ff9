"""The keys of a Hugging Face config that follow from an architecture's sizes and its tokenizer.

Configs name the same things differently, and keep full-size defaults for whatever is not set. The rules go by the
patterns of names that architectures share: each name of a size gets it; what a config keeps beside (head sizes of
several kinds, ranks, feed-forward widths) gets the same proportion to it as in the architecture's own defaults.
What a config class computes by itself (declared as None, or not declared) is left to it.
"""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from snakelm.architectures.config import ArchitectureConfig
from snakelm.core.errors import UserError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

HIDDEN = (
    "hidden_size",
    "d_model",
    "n_embd",
    "dim",
    "emb_dim",
    "pooler_hidden_size",
    "word_embed_proj_dim",
    "attention_hidden_size",
    "cross_attention_hidden_size",
)
LAYERS = (
    "num_hidden_layers",
    "n_layer",
    "n_layers",
    "num_layers",
    "encoder_layers",
    "decoder_layers",
    "num_decoder_layers",
)
LAYERS_OF_A_KIND = ("num_kv_shared_layers", "num_dense_layers", "first_k_dense_replace")
"""Counts of layers that keep their share of all."""
HEADS = (
    "num_attention_heads",
    "attention_heads",
    "n_head",
    "n_heads",
    "num_heads",
    "encoder_attention_heads",
    "decoder_attention_heads",
    "num_encoder_attention_heads",
    "num_decoder_attention_heads",
    "num_key_value_heads",
    "num_kv_heads",
    "kv_n_heads",
)
HEAD_SIZES = ("v_head_dim", "head_dim", "d_kv")
"""The first of these that a config has is the width of a head; further *_head_dim keep their proportion to it."""
FEED_FORWARD = (
    "intermediate_size",
    "ffn_dim",
    "n_inner",
    "hidden_dim",
    "d_ff",
    "encoder_ffn_dim",
    "decoder_ffn_dim",
    "ffn_hidden_size",
    "moe_intermediate_size",
    "shared_expert_intermediate_size",
    "expert_ffn_hidden_size",
)
RANKS = ("_rank", "_size_per_layer_input")
"""Endings of widths of bottlenecks, which keep their proportion to the network's width."""
EXPERTS = {"n_routed_experts": 8, "n_shared_experts": 1, "num_experts_per_tok": 2}
"""For architectures whose defaults leave the number of experts open."""
POSITIONS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len")
OFFSET_POSITIONS = frozenset(
    (
        "roberta",
        "xlm-roberta",
        "camembert",
        "data2vec-text",
        "roberta-prelayernorm",
        "xlm-roberta-xl",
        "xmod",
        "mpnet",
        "longformer",
        "ibert",
        "esm",
        "prophetnet",
    )
)
"""Position ids start after the pad id, so the table of positions needs pad id + 1 rows more."""


def keys(arch: ArchitectureConfig, default: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    """What to set in a config whose class gives `default` by itself; parts of a config (encoder, …) are dicts."""
    known = settable(default)
    head_size = arch.hidden_size // arch.heads
    found: dict[str, Any] = {}
    for names, value in ((HIDDEN, arch.hidden_size), (LAYERS, arch.layers), (HEADS, arch.heads)):
        found |= {name: value for name in names if known.get(name) is not None}
    if "num_key_value_heads" in known:  # some classes do not fill it in
        found["num_key_value_heads"] = arch.heads
    found |= {name: head_size for name in HEAD_SIZES if name in known and known[name] is None}
    found |= _in_proportion(known, head_size, arch)
    found |= _feed_forward(arch, default.to_dict(), known)
    found |= {name: count for name, count in EXPERTS.items() if name in known and known[name] is None}
    if known.get("embedding_size"):  # ELECTRA, ALBERT, ConvBERT: a token's own embedding, narrower than the network
        found["embedding_size"] = min(known["embedding_size"], arch.hidden_size)
    if "mamba_d_head" in known:  # Mamba-2 layers: their heads share the expanded width
        width = known["mamba_expand"] * arch.hidden_size
        found |= {"mamba_n_heads": arch.heads, "mamba_d_head": width // arch.heads}
        found |= {"mamba_n_groups": math.gcd(known["mamba_n_groups"], arch.heads)}
        found |= {"mamba_d_ssm": width} if "mamba_d_ssm" in known else {}
    if "vocab_size" in known:
        found |= _special_ids(arch, tokenizer, known)
    positions = arch.positions or arch.sequence_length + (arch.network == "encoder-decoder")  # and its end
    if arch.architecture in OFFSET_POSITIONS:
        positions += found["pad_token_id"] + 1
    found |= {name: positions for name in POSITIONS if name in known}
    found |= {name: arch.dropout for name, value in known.items() if _is_dropout(name, value)}
    found |= {  # the same function, in one kernel
        name: "gelu_pytorch_tanh" for name, value in known.items() if isinstance(value, str) and value == "gelu_new"
    }
    parts = {name: part for name in default.sub_configs if (part := default.__dict__.get(name)) is not None}
    return found | {name: keys(arch, part, tokenizer) for name, part in parts.items()}


def longest_input(config: PretrainedConfig) -> int | None:
    """The most tokens that a network reads, by the positions that its config declares; None where there is no limit.

    A key that a config.json has but its class does not (T5's n_positions) limits nothing.
    """
    declared = {field.name for field in fields(config)} | config.attribute_map.keys()
    values = [getattr(config, name, None) for name in POSITIONS if name in declared]
    longest = min((value for value in values if isinstance(value, int) and value > 0), default=None)
    if longest is not None and config.model_type in OFFSET_POSITIONS:
        longest -= (config.pad_token_id or 0) + 1
    return longest


def settable(default: PretrainedConfig) -> dict[str, Any]:
    """The keys that a config class declares, with its defaults, but for those that it computes from others."""
    values = default.to_dict()
    declared = {field.name: field.default for field in fields(default)}
    return {
        name: values[name]
        for name, at_first in declared.items()
        if name in values and not (at_first is None and values[name] is not None)
    }


def _in_proportion(known: dict[str, Any], head_size: int, arch: ArchitectureConfig) -> dict[str, int]:
    """Sizes beside the width, the layers and the heads, as large to these as in the defaults."""
    base = next((known[name] for name in HEAD_SIZES if isinstance(known.get(name), int)), None)
    width = next((known[name] for name in HIDDEN if known.get(name)), None)
    layers = next((known[name] for name in LAYERS if known.get(name)), None)
    found = {}
    for name, value in known.items():
        if isinstance(value, bool) or not isinstance(value, int):
            continue
        if name in HEAD_SIZES and value == base:
            found[name] = head_size
        elif name.endswith("head_dim") and base and not name.startswith("mamba"):
            found[name] = max(2, value * head_size // base // 2 * 2)  # rotary positions take pairs
        elif name.endswith(RANKS) and width:
            found[name] = max(1, math.ceil(value * arch.hidden_size / width))
        elif name in LAYERS_OF_A_KIND and layers:
            found[name] = value * arch.layers // layers
    return found


def _feed_forward(arch: ArchitectureConfig, values: dict[str, Any], known: dict[str, Any]) -> dict[str, int]:
    """Width of the feed-forward layers: as given, else in the architecture's own proportion, a multiple of 8."""
    width = next((values[name] for name in HIDDEN if values.get(name)), None)
    found = {}
    for name in FEED_FORWARD:
        given = None if "expert" in name or "moe" in name else arch.intermediate_size
        value = known.get(name)
        if name not in values or (value is None and given is None) or value == 0:
            continue
        own = value if isinstance(value, int) else 4 * (width or 1)
        found[name] = given or max(8, math.ceil(arch.hidden_size * own / (width or own) / 8) * 8)
    return found


def _special_ids(arch: ArchitectureConfig, tokenizer: PreTrainedTokenizerBase, known: dict[str, Any]) -> dict[str, Any]:
    """Vocabulary size and the ids of special tokens; an id that the tokenizer lacks is None, never the default."""
    first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.cls_token_id
    last = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
    pad = tokenizer.pad_token_id
    seq2seq = arch.network == "encoder-decoder"
    if pad is None and (seq2seq or arch.architecture in OFFSET_POSITIONS):
        raise UserError(f"architecture {arch.architecture} needs a pad token, and the tokenizer has none; add <pad>")
    start = (first if arch.architecture in ("bart", "mvp") else pad) if seq2seq else None
    ids = {"pad_token_id": pad, "bos_token_id": first, "eos_token_id": last}
    if start is not None or known.get("decoder_start_token_id") is None:  # XGLM insists on a number
        ids["decoder_start_token_id"] = start
    in_some = {
        "cls_token_id": tokenizer.cls_token_id,
        "sep_token_id": tokenizer.sep_token_id if tokenizer.sep_token_id is not None else last,
        "mask_token_id": tokenizer.mask_token_id,
        "unk_token_id": tokenizer.unk_token_id,
        "forced_eos_token_id": last,
        "forced_bos_token_id": None,
    }
    ids |= {name: value for name, value in in_some.items() if name in known}
    rows = max(len(tokenizer), max(tokenizer.get_vocab().values()) + 1)
    return ids | {name: rows for name in known if name.startswith("vocab_size")}


def _is_dropout(name: str, value: Any) -> bool:
    """Whether a config key is a dropout rate inside the network (a task head's own dropout is left alone)."""
    head = any(part in name for part in ("classif", "summary", "qa_"))
    return isinstance(value, float | int) and not isinstance(value, bool) and ("drop" in name) and not head


def particulars(arch: ArchitectureConfig, default: PretrainedConfig) -> dict[str, Any]:
    """What single architectures need beyond sizes, as their papers and reference configs have it."""
    head_size = arch.hidden_size // arch.heads
    match arch.architecture:
        case "gpt_neo":  # global and local attention in turn
            return {"attention_types": [[["global", "local"][layer % 2 :][:1], 1] for layer in range(arch.layers)]}
        case "codegen" | "gptj":
            return {"rotary_dim": min(default.rotary_dim, head_size)}
        case "mamba2":  # heads come from the expanded width
            head_dim = default.expand * arch.hidden_size // arch.heads
            return {"num_heads": arch.heads, "head_dim": head_dim, "n_groups": math.gcd(default.n_groups, arch.heads)}
        case "mobilebert":
            return {"true_hidden_size": arch.hidden_size, "intra_bottleneck_size": arch.hidden_size}
        case "big_bird" if arch.sequence_length <= 704:  # block-sparse attention needs longer sequences
            return {"attention_type": "original_full"}
        case "deberta" | "deberta-v2":  # its disentangled attention is off in the library's defaults
            return {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False}
        case "modernbert" | "modernbert-decoder":
            return {"local_attention": min(default.local_attention, max(16, arch.sequence_length // 4 * 2))}
        case "bamba":  # attention in every ninth layer, as in the published one
            return {"attn_layer_indices": list(range(min(9, arch.layers - 1), arch.layers, 9))}
        case "zamba2":  # its shared attention in every sixth layer
            with_attention = range(min(5, arch.layers - 1), arch.layers, 6)
            kinds = ["hybrid" if layer in with_attention else "linear_attention" for layer in range(arch.layers)]
            return {"layers_block_type": kinds}
        case "xmod":
            return {"default_language": default.languages[0]}
        case "dbrx":  # its attention needs them, and the library's defaults have none
            return {
                "attn_config": {
                    "kv_n_heads": arch.heads,
                    "attn_pdrop": arch.dropout,
                    "rope_theta": 10000.0,
                    "clip_qkv": 8.0,
                }
            }
        case "xlm" if arch.network == "decoder":  # else each token sees those after it
            return {"causal": True}
        case "xlnet":  # the same
            return {"attn_type": "uni"}
        case "mpt":  # its attention takes no dropout but the whole number 0
            return {"attn_config": {}}
        case "cohere_compass_text":
            return {"rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 10000.0}}}
        case "mimo_v2_flash":  # its layers with a sliding window have twice as many
            return {"num_key_value_heads": max(1, arch.heads // 2)}
        case "lfm2_moe":
            return {"layer_types": ["full_attention" if n % 3 == 2 else "conv" for n in range(arch.layers)]}
        case "reformer":
            chunk = math.gcd(64, arch.sequence_length)
            return {
                "attention_head_size": head_size,
                "feed_forward_size": arch.intermediate_size or 2 * arch.hidden_size,
                "attn_layers": [["local", "lsh"][layer % 2] for layer in range(arch.layers)],
                "axial_pos_embds": False,
                "local_attn_chunk_length": chunk,
                "lsh_attn_chunk_length": chunk,
                "hash_seed": 0,
            }
        case _:
            return {}
