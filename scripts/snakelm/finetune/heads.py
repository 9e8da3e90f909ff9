"""A task head on any backbone: for poolings and architectures that transformers has no ready-made class for.

This file is copied into the folder of every model that uses it, so that `trust_remote_code=True` loads the model
without this project; it must not import anything but torch and transformers. Under the type name "headed" a plain
`from_pretrained` refuses the folder instead of quietly reading it with another pooling.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import (
    CONFIG_MAPPING,
    AutoConfig,
    AutoModel,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import (
    QuestionAnsweringModelOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)


class HeadedConfig(PretrainedConfig):
    """`backbone`: the config of the network as a dict; `pooling`: mean, last or first; `target_mean` and
    `target_std`: what the outputs of a regression are scaled by, so that they are in the target's unit."""

    model_type = "headed"

    def __init__(
        self,
        backbone: dict[str, Any] | None = None,
        pooling: str = "mean",
        target_mean: float = 0.0,
        target_std: float = 1.0,
        head_dropout: float = 0.0,
        **keys: Any,
    ):
        self.backbone = backbone or {}
        self.pooling = pooling
        self.target_mean, self.target_std = target_mean, target_std
        self.head_dropout = head_dropout
        keys.setdefault("pad_token_id", self.backbone.get("pad_token_id"))
        super().__init__(**keys)

    def backbone_config(self) -> PretrainedConfig:
        config: PretrainedConfig = CONFIG_MAPPING[self.backbone["model_type"]](**self.backbone)
        return config


class _Headed(PreTrainedModel):
    config_class = HeadedConfig
    base_model_prefix = "backbone"

    def __init__(self, config: HeadedConfig, backbone: Any = None):
        super().__init__(config)
        own = config.backbone_config()
        if backbone is None:
            backbone = AutoModel.from_config(own, trust_remote_code=False)
        self.backbone = backbone.get_encoder() if own.is_encoder_decoder else backbone
        self.dropout = nn.Dropout(config.head_dropout)
        width = getattr(own, "hidden_size", None) or own.d_model
        self.head = nn.Linear(width, self.outputs(config))
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: nn.Module) -> None:
        if module is self.head:  # the backbone has initialized itself
            nn.init.normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)

    @staticmethod
    def outputs(config: HeadedConfig) -> int:
        return config.num_labels or 0

    def get_input_embeddings(self) -> Any:
        return self.backbone.get_input_embeddings()

    def hidden(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None, **inputs: Any) -> torch.Tensor:
        given = {name: value for name, value in inputs.items() if value is not None}
        hidden: torch.Tensor = self.backbone(
            input_ids=input_ids, attention_mask=attention_mask, **given
        ).last_hidden_state
        return hidden


class HeadedForSequenceClassification(_Headed):
    """One output per text from its token vectors, pooled over the tokens that are not padding."""

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> SequenceClassifierOutput:
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        hidden_BLD = self.hidden(input_ids, attention_mask, token_type_ids=token_type_ids)
        logits_BC = self.head(self.dropout(self.pool(hidden_BLD, attention_mask)))
        if self.config.problem_type == "regression":
            logits_BC = logits_BC * self.config.target_std + self.config.target_mean
        return SequenceClassifierOutput(logits=logits_BC)

    def pool(self, hidden_BLD: torch.Tensor, mask_BL: torch.Tensor) -> torch.Tensor:
        match self.config.pooling:
            case "mean":
                weights_BL = mask_BL / mask_BL.sum(1, keepdim=True).clamp(min=1)
                return (hidden_BLD * weights_BL[..., None].to(hidden_BLD.dtype)).sum(1)
            case "last":
                last_B = (mask_BL * torch.arange(mask_BL.shape[1], device=mask_BL.device)).argmax(1)
                return hidden_BLD[torch.arange(len(last_B), device=mask_BL.device), last_B]
            case _:
                return hidden_BLD[torch.arange(len(mask_BL), device=mask_BL.device), mask_BL.argmax(1)]


class HeadedForTokenClassification(_Headed):
    """One output per token."""

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> TokenClassifierOutput:
        hidden_BLD = self.hidden(input_ids, attention_mask, token_type_ids=token_type_ids)
        return TokenClassifierOutput(logits=self.head(self.dropout(hidden_BLD)))


class HeadedForQuestionAnswering(_Headed):
    """Scores of each token as the first and the last of the answer."""

    @staticmethod
    def outputs(config: HeadedConfig) -> int:
        return 2

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> QuestionAnsweringModelOutput:
        hidden_BLD = self.hidden(input_ids, attention_mask, token_type_ids=token_type_ids)
        start_BL, end_BL = self.head(self.dropout(hidden_BLD)).unbind(-1)
        return QuestionAnsweringModelOutput(start_logits=start_BL, end_logits=end_BL)


CLASSES = {
    "AutoModelForSequenceClassification": HeadedForSequenceClassification,
    "AutoModelForTokenClassification": HeadedForTokenClassification,
    "AutoModelForQuestionAnswering": HeadedForQuestionAnswering,
}

AutoConfig.register("headed", HeadedConfig, exist_ok=True)
AutoModelForSequenceClassification.register(HeadedConfig, HeadedForSequenceClassification, exist_ok=True)
AutoModelForTokenClassification.register(HeadedConfig, HeadedForTokenClassification, exist_ok=True)
AutoModelForQuestionAnswering.register(HeadedConfig, HeadedForQuestionAnswering, exist_ok=True)
