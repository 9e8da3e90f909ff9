"""Build an untrained Hugging Face model from an architecture's name, a few sizes and a tokenizer.

`sizes` finds what to set in the architecture's config; `ArchitectureConfig.config` overrides any of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snakelm.architectures import sizes
from snakelm.architectures.config import ArchitectureConfig
from snakelm.architectures.names import Network
from snakelm.core.errors import UserError, did_you_mean, one_line

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

AUTO_CLASSES: dict[Network, str] = {
    "encoder": "AutoModelForMaskedLM",
    "decoder": "AutoModelForCausalLM",
    "encoder-decoder": "AutoModelForSeq2SeqLM",
}
"""Kind of network → the transformers Auto class of its language-model head."""


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
    keys = sizes.keys(arch, default, tokenizer) | sizes.particulars(arch, default)
    if arch.network == "decoder" and "is_decoder" in known:
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
            language-model head of its kind of network.
        seed: seeds torch's global generator just before the weights are drawn.
        head: keys of the config that the head reads (num_labels=5, id2label={…}, problem_type="regression").

    Raises:
        UserError: the architecture has no such head, or refuses the sizes.
    """
    import torch
    import transformers

    config = build_config(arch, tokenizer, **head)
    auto = getattr(transformers, auto_class or AUTO_CLASSES[arch.network])
    torch.manual_seed(seed)
    try:
        model: PreTrainedModel = auto.from_config(config)
    except ValueError as error:
        if "Unrecognized configuration class" in str(error):
            raise UserError(f"architecture {arch.architecture} has no {auto.__name__}") from None
        raise _refused(arch, error) from error
    except (TypeError, RuntimeError, AssertionError, AttributeError, ZeroDivisionError, IndexError) as error:
        raise _refused(arch, error) from error
    if (rows := known_tokens(model)) < len(tokenizer):
        raise UserError(
            f"the model's vocabulary ({rows}) is smaller than the tokenizer's ({len(tokenizer)});"
            " leave config.vocab_size out"
        )
    return model


def known_tokens(model: Any) -> int:
    """How many token ids a model has embeddings for."""
    return int(model.get_input_embeddings().weight.shape[0])


def _construct(
    config_class: type[PretrainedConfig], keys: dict[str, Any], arch: ArchitectureConfig
) -> PretrainedConfig:
    try:
        return config_class(**keys)
    except UserError:
        raise
    except Exception as error:  # each of 200 config classes checks itself with errors of its own kind
        raise _refused(arch, error) from error


def _refused(arch: ArchitectureConfig, error: Exception) -> UserError:
    return UserError(
        f"architecture {arch.architecture} refuses hidden_size {arch.hidden_size}, layers {arch.layers},"
        f" heads {arch.heads}: {one_line(error)}; set what it needs under config:"
    )
