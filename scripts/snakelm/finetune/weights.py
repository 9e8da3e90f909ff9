"""The model that a fine-tuning begins with: pretrained, untrained, or from outside, with the task's head on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from snakelm.architectures import sizes
from snakelm.architectures.build import build_config
from snakelm.architectures.names import Network
from snakelm.architectures.outside import Weights, read_config, read_weights
from snakelm.core.console import log
from snakelm.core.errors import UserError, one_line
from snakelm.finetune.heads import CLASSES, HeadedConfig
from snakelm.tasks.learner import Learner
from snakelm.tokenization.outside import read_tokenizer

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

    from snakelm.architectures.config import ArchitectureConfig


def load_tokenizer(source: Path | str) -> PreTrainedTokenizerBase:
    """The tokenizer of a run folder, other folder or Hub name; UserError where there is none or it cannot pad."""
    tokenizer: PreTrainedTokenizerBase = read_tokenizer(source)
    if not tokenizer.is_fast:
        raise UserError(f"{source}: fine-tuning needs a fast tokenizer (tokenizer.json), this one is a Python one")
    if tokenizer.pad_token_id is None:
        raise UserError(f"{source}: the tokenizer has no padding token, which batches of texts need; add <pad> to it")
    return tokenizer


def load_config(source: Path | str | None, architecture: ArchitectureConfig | None, tokenizer: Any) -> PretrainedConfig:
    """The config of the network without a task's head; without a source that of the untrained architecture."""
    if source is None:
        if architecture is None:
            raise UserError("init random needs the model's architecture")
        return build_config(architecture, tokenizer)
    return read_config(source)


def network_of(config: PretrainedConfig) -> PretrainedConfig:
    """The config of the network itself, where an earlier fine-tuning has put a head of `heads` around it."""
    if not isinstance(config, HeadedConfig):
        return config
    try:
        return config.backbone_config()
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"config.json: its backbone cannot be built ({one_line(error)})") from error


def longest_input(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase, wanted: int | None) -> int:
    """Tokens per input: as wanted, else what model and tokenizer take; UserError where more is wanted than that."""
    limit = sizes.longest_input(config)
    if tokenizer.model_max_length < 10**6:
        limit = min(limit or tokenizer.model_max_length, tokenizer.model_max_length)
    if wanted is not None and limit is not None and wanted > limit:
        raise UserError(f"max_length ({wanted}) is longer than the {limit} tokens that the model reads")
    return wanted or limit or 512


def set_inputs(tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig) -> None:
    """Fit what the tokenizer returns to the model; it is saved with the model, so a pipeline gets the same.

    Segment ids go only to models that were built with segments (GPT-2 would add a token's vector for each of them).
    """
    names = ["input_ids", "attention_mask"]
    if (getattr(config, "type_vocab_size", 0) or 0) > 1:
        names.insert(1, "token_type_ids")
    tokenizer.model_input_names = names
    tokenizer.init_kwargs["model_input_names"] = names
    _separate_pairs(tokenizer)


def _separate_pairs(tokenizer: PreTrainedTokenizerBase) -> None:
    """Let a tokenizer that adds no special tokens (of a causal model) put its end token between the texts of a pair."""
    from tokenizers import processors

    end = tokenizer.eos_token or tokenizer.sep_token
    if tokenizer.num_special_tokens_to_add(pair=True) or end is None:
        return
    backend = tokenizer.backend_tokenizer
    pair = processors.TemplateProcessing(
        single="$A", pair=f"$A {end}:0 $B:1", special_tokens=[(end, tokenizer.convert_tokens_to_ids(end))]
    )
    before = [backend.post_processor] if backend.post_processor is not None else []
    backend.post_processor = processors.Sequence([*before, pair])


def load_model(
    learner: Learner[Any],
    config: PretrainedConfig,
    source: Path | str | None,
    seed: int,
) -> PreTrainedModel:
    """A model with the task's head, on the CPU in float32; the same arguments give the same weights.

    `source` is where the weights come from; None draws them at random from `seed`. transformers' own class is taken
    where it exists and does what the task asks, else the head of `heads`.
    """
    import transformers

    config, pooling = _with_head(config, learner), learner.pooling
    auto = getattr(transformers, learner.auto_class)
    model: PreTrainedModel | None = None
    headed = isinstance(config, HeadedConfig)
    if headed and pooling != "auto":
        config.pooling = pooling
    if type(config) in auto._model_mapping and (headed or pooling == "auto" or learner.auto_class not in CLASSES):
        torch.manual_seed(seed)
        model = auto.from_config(config) if source is None else _read(auto, source, config)
        if not learner.fits(model):
            model = None
    if model is None:
        model = _headed(learner, config, source, seed)
    embeddings: Any = model.get_input_embeddings()
    rows = embeddings.weight.shape[0]
    if rows < len(learner.tokenizer):
        raise UserError(
            f"{source}: the model knows {rows} tokens, the tokenizer has {len(learner.tokenizer)};"
            " they do not belong together"
        )
    model.float()
    return model


def load_finished(learner: Learner[Any], folder: Path) -> PreTrainedModel:
    """The model of a finished fine-tuning, on the CPU in float32; UserError if a weight is missing or misshapen."""
    import transformers

    config = read_config(folder)
    loaded = read_weights(getattr(transformers, learner.auto_class), folder, config)
    loaded.require_whole(folder)
    model = loaded.model
    model.float()
    return model


def _headed(learner: Learner[Any], config: PretrainedConfig, source: Path | str | None, seed: int) -> PreTrainedModel:
    from transformers import AutoModel

    if learner.auto_class not in CLASSES:
        raise UserError(
            f"{learner.task.type} cannot be done with {config.model_type}: transformers has no {learner.auto_class}"
            " for it"
        )
    torch.manual_seed(seed)
    backbone = AutoModel.from_config(config) if source is None else _read(AutoModel, source, config)
    torch.manual_seed(seed)
    pooling = learner.pooling
    if pooling == "auto":
        pooling = "last" if learner.network == "decoder" else "mean"
    headed = HeadedConfig(
        backbone=_plain(backbone.config), pooling=pooling, head_dropout=learner.task.dropout or 0.0, **learner.head()
    )
    model = CLASSES[learner.auto_class](headed, backbone)
    HeadedConfig.register_for_auto_class()  # type: ignore[no-untyped-call]
    type(model).register_for_auto_class(learner.auto_class)  # type: ignore[no-untyped-call]
    return model


def _plain(config: PretrainedConfig) -> dict[str, Any]:
    """A backbone's config as it is written into a headed one: without the names of labels, which are the head's."""
    head = (
        "id2label",
        "label2id",
        "num_labels",
        "problem_type",
        "_name_or_path",
        "architectures",
        "transformers_version",
    )
    return {name: value for name, value in config.to_dict().items() if name not in head}


def network_kind(config: PretrainedConfig, architecture: ArchitectureConfig | None) -> Network:
    """What kind of network it is, by its architecture where we build it, else by the head that it was saved with."""
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

    if architecture is not None:
        return architecture.network
    if config.is_encoder_decoder:
        return "encoder-decoder"
    names = " ".join(config.architectures or [])
    if "MaskedLM" in names or "ForPreTraining" in names:
        return "encoder"
    if "CausalLM" in names or "LMHead" in names:
        return "decoder"
    causal = type(config) in AutoModelForCausalLM._model_mapping
    return "decoder" if causal and type(config) not in AutoModelForMaskedLM._model_mapping else "encoder"


def _read(auto: Any, source: Path | str, config: PretrainedConfig) -> PreTrainedModel:
    """Weights from a folder or the Hub. The head and the pooler, which masked language modelling does not train, may be
    missing, and a head of another shape (an earlier task's) is drawn anew; all else of the backbone must be there."""
    loaded = read_weights(auto, source, config)
    backbone = _in_backbone(loaded.model, auto) if loaded.missing or loaded.misshapen else frozenset()
    misfits, missing = ([name for name in names if name in backbone] for names in (loaded.misshapen, loaded.missing))
    pooler = [name for name in missing if "pool" in name and not isinstance(config, HeadedConfig)]
    needed = [name for name in missing if name not in pooler]
    Weights(loaded.model, tuple(needed), tuple(misfits)).require_whole(source)
    if pooler:
        log.info(f"{source}: the pooler is not there and begins at random ({', '.join(pooler)})")
    return loaded.model


def _in_backbone(model: PreTrainedModel, auto: Any) -> frozenset[str]:
    """The names of a model's weights that are not its task's head."""
    from transformers import AutoModel

    names, base = model.state_dict().keys(), model.base_model_prefix
    if hasattr(model, base):
        return frozenset(name for name in names if name.startswith(f"{base}."))
    if auto is AutoModel:
        return frozenset(names)
    with torch.device("meta"):  # it has the parts of the backbone as its own, beside the head
        return frozenset(AutoModel.from_config(model.config, trust_remote_code=False).state_dict())


def _with_head(config: PretrainedConfig, learner: Learner[Any]) -> PretrainedConfig:
    """A copy of the config with the head's keys, the tokenizer's padding id and the task's dropout."""
    import copy

    config = copy.deepcopy(config)
    for name, value in learner.head().items():
        setattr(config, name, value)
    if config.pad_token_id is None:
        config.pad_token_id = learner.tokenizer.pad_token_id
    if learner.task.dropout is not None:
        for name, value in config.to_dict().items():
            if "drop" in name and isinstance(value, (int, float)) and not isinstance(value, bool):
                setattr(config, name, learner.task.dropout)
    return config
