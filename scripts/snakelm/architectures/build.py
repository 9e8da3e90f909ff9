"""Build an untrained Hugging Face model from an architecture's name, a few sizes and a tokenizer.

Hugging Face configs name the same things differently (hidden_size, d_model, n_embd, dim, …) and keep full-size
defaults for whatever is not set (key-value heads, head size, embedding size). `build_config` sets every name that
an architecture has for a size, and keeps its own proportions (a feed-forward layer 4 times as wide in BERT, 2.7 in
Llama, 8 in Gemma). `ArchitectureConfig.config` overrides any of it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from snakelm.architectures.config import ArchitectureConfig
from snakelm.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

AUTO_CLASSES = {"mlm": "AutoModelForMaskedLM", "clm": "AutoModelForCausalLM", "span_denoising": "AutoModelForSeq2SeqLM"}
HIDDEN = (
    "hidden_size",
    "d_model",
    "n_embd",
    "dim",
    "emb_dim",
    "pooler_hidden_size",
    "word_embed_proj_dim",
    "attention_hidden_size",
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
HEADS = (
    "num_attention_heads",
    "n_head",
    "n_heads",
    "num_heads",
    "encoder_attention_heads",
    "decoder_attention_heads",
    "num_encoder_attention_heads",
    "num_decoder_attention_heads",
    "num_key_value_heads",
    "num_kv_heads",
)
HEAD_SIZE = ("head_dim", "d_kv")
FEED_FORWARD = (
    "intermediate_size",
    "ffn_dim",
    "n_inner",
    "hidden_dim",
    "d_ff",
    "encoder_ffn_dim",
    "decoder_ffn_dim",
    "moe_intermediate_size",
    "shared_expert_intermediate_size",
)
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


def build_config(arch: ArchitectureConfig, tokenizer: PreTrainedTokenizerBase, **head: Any) -> PretrainedConfig:
    """The Hugging Face config of the network: sizes from `arch`, vocabulary and special ids from the tokenizer.

    `head` are further keys of a task's head (num_labels, id2label, problem_type, …). Raises UserError with one line
    if the architecture refuses the sizes or an override's name is unknown.
    """
    from transformers import CONFIG_MAPPING

    config_class = CONFIG_MAPPING[arch.architecture]
    default = config_class()
    known = default.to_dict() | {name: getattr(default, name, None) for name in default.attribute_map}
    if unknown := [key for key in arch.config if key not in known and not hasattr(default, key)]:
        raise UserError(
            *(f"config.{key}: {arch.architecture} has no such key{did_you_mean(key, known)}" for key in unknown)
        )
    keys: dict[str, Any] = {}
    for names, value in ((HIDDEN, arch.hidden_size), (LAYERS, arch.layers), (HEADS, arch.heads)):
        keys |= {name: value for name in names if known.get(name) is not None}
    keys |= {name: arch.hidden_size // arch.heads for name in HEAD_SIZE if name in known}
    keys |= _feed_forward(arch, known)
    if known.get("embedding_size"):  # ELECTRA, ALBERT, ConvBERT: a token's own embedding, narrower than the network
        keys["embedding_size"] = min(known["embedding_size"], arch.hidden_size)
    keys |= _special_ids(arch, tokenizer, known)
    positions = arch.positions or arch.sequence_length
    if arch.architecture in OFFSET_POSITIONS:
        positions += keys["pad_token_id"] + 1
    keys |= {name: positions for name in POSITIONS if name in known}
    keys |= {name: arch.dropout for name, value in known.items() if _is_dropout(name, value)}
    keys |= {
        name: "gelu_pytorch_tanh" for name, value in known.items() if value == "gelu_new"
    }  # the same, in one kernel
    keys |= _particulars(arch, default, known)
    if arch.objective == "clm" and "is_decoder" in known:
        keys["is_decoder"] = True
    return _construct(config_class, keys | arch.config | head, arch)


def build_model(
    arch: ArchitectureConfig,
    tokenizer: PreTrainedTokenizerBase,
    auto_class: str | None = None,
    seed: int = 0,
    **head: Any,
) -> PreTrainedModel:
    """A model with random weights, float32 on the CPU: the same arguments give the same weights bit for bit.

    Args:
        auto_class: name of a transformers Auto class, e.g. "AutoModelForSequenceClassification"; by default the
            language-model head of the architecture's objective.
        seed: seeds torch's global generator just before the weights are drawn.
        head: keys of the config that the head reads (num_labels=5, id2label={…}, problem_type="regression").

    Raises:
        UserError: the architecture has no such head, or refuses the sizes.
    """
    import torch
    import transformers

    config = build_config(arch, tokenizer, **head)
    auto = getattr(transformers, auto_class or AUTO_CLASSES[arch.objective])
    torch.manual_seed(seed)
    try:
        model = auto.from_config(config)
    except ValueError as error:
        if "Unrecognized configuration class" in str(error):
            raise UserError(f"architecture {arch.architecture} has no {auto.__name__}") from None
        raise _refused(arch, error) from error
    except (TypeError, RuntimeError, AssertionError, AttributeError, ZeroDivisionError, IndexError) as error:
        raise _refused(arch, error) from error
    if model.get_input_embeddings().weight.shape[0] < len(tokenizer):
        raise UserError(
            f"the model's vocabulary ({model.get_input_embeddings().weight.shape[0]}) is smaller than the"
            f" tokenizer's ({len(tokenizer)}); leave config.vocab_size out"
        )
    return model


def _construct(config_class: type, keys: dict[str, Any], arch: ArchitectureConfig) -> PretrainedConfig:
    try:
        return config_class(**keys)
    except UserError:
        raise
    except Exception as error:  # each of 200 config classes checks itself with errors of its own kind
        raise _refused(arch, error) from error


def _refused(arch: ArchitectureConfig, error: Exception) -> UserError:
    reason = " ".join(str(error).split())[:300]
    return UserError(
        f"architecture {arch.architecture} refuses hidden_size {arch.hidden_size}, layers {arch.layers},"
        f" heads {arch.heads}: {reason}; set what it needs under config:"
    )


def _feed_forward(arch: ArchitectureConfig, known: dict[str, Any]) -> dict[str, int]:
    """Width of the feed-forward layers: as given, else in the architecture's own proportion, a multiple of 8."""
    width = next((known[name] for name in HIDDEN if known.get(name)), None)
    keys = {}
    for name in FEED_FORWARD:
        given = None if "expert" in name or "moe" in name else arch.intermediate_size
        if name not in known or (known[name] is None and given is None) or known[name] == 0:
            continue
        own = known[name] if isinstance(known[name], int) else 4 * (width or 1)
        keys[name] = given or max(8, math.ceil(arch.hidden_size * own / (width or own) / 8) * 8)
    return keys


def _special_ids(arch: ArchitectureConfig, tokenizer: PreTrainedTokenizerBase, known: dict[str, Any]) -> dict[str, Any]:
    """Vocabulary size and the ids of special tokens; an id that the tokenizer lacks is None, never the default."""
    first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.cls_token_id
    last = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
    pad = tokenizer.pad_token_id
    seq2seq = arch.objective == "span_denoising"
    if pad is None and (seq2seq or arch.architecture in OFFSET_POSITIONS):
        raise UserError(f"architecture {arch.architecture} needs a pad token, and the tokenizer has none; add <pad>")
    ids = {
        "pad_token_id": pad,
        "bos_token_id": first,
        "eos_token_id": last,
        "cls_token_id": tokenizer.cls_token_id,
        "sep_token_id": tokenizer.sep_token_id if tokenizer.sep_token_id is not None else last,
        "mask_token_id": tokenizer.mask_token_id,
        "unk_token_id": tokenizer.unk_token_id,
        "forced_eos_token_id": last,
        "forced_bos_token_id": None,
        "decoder_start_token_id": (first if arch.architecture in ("bart", "mvp") else pad) if seq2seq else None,
    }
    always = ("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id")
    keys = {name: value for name, value in ids.items() if name in always or name in known}
    return {"vocab_size": max(len(tokenizer), max(tokenizer.get_vocab().values()) + 1), **keys}


def _is_dropout(name: str, value: Any) -> bool:
    """Whether a config key is a dropout rate inside the network (a task head's own dropout is left alone)."""
    head = any(part in name for part in ("classif", "summary", "qa_"))
    return isinstance(value, float | int) and not isinstance(value, bool) and ("drop" in name) and not head


def _particulars(arch: ArchitectureConfig, default: Any, known: dict[str, Any]) -> dict[str, Any]:
    """What single architectures need beyond sizes, as their papers and reference configs have it."""
    head_size = arch.hidden_size // arch.heads
    match arch.architecture:
        case "gpt_neo":  # global and local attention in turn
            return {"attention_types": [[["global", "local"][layer % 2 :][:1], 1] for layer in range(arch.layers)]}
        case "codegen" | "gptj":
            return {"rotary_dim": min(known["rotary_dim"], head_size)}
        case "mamba2":  # heads come from the expanded width
            head_dim = known["expand"] * arch.hidden_size // arch.heads
            return {"num_heads": arch.heads, "head_dim": head_dim, "n_groups": math.gcd(known["n_groups"], arch.heads)}
        case "mamba" | "falcon_mamba":
            return {"time_step_rank": math.ceil(arch.hidden_size / 16)}
        case "mobilebert":
            return {"true_hidden_size": arch.hidden_size, "intra_bottleneck_size": arch.hidden_size}
        case "big_bird" if arch.sequence_length <= 704:  # block-sparse attention needs longer sequences
            return {"attention_type": "original_full"}
        case "deberta" | "deberta-v2":  # its disentangled attention is off in the library's defaults
            return {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False}
        case "modernbert" | "modernbert-decoder":
            return {"local_attention": min(known["local_attention"], max(16, arch.sequence_length // 4 * 2))}
        case _:
            return {}
