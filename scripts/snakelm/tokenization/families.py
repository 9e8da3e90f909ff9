"""Special tokens and templates of the model families: which tokens, in which order (= ids), in which role.

The order is the one of the published checkpoints, with all special tokens at the start of the vocabulary: RoBERTa
reserves pad id 1 and derives its positions from it, T5 starts its decoder at pad id 0. GPT-2 and LLaMA publish no
pad token; batches in fine-tuning need one, so theirs gain one behind the published tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, field

ROLES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


@dataclass(frozen=True)
class Family:
    """Special tokens in id order with their roles, and the templates that put them around one text or a pair.

    Templates are in the notation of `tokenizers.processors.TemplateProcessing`: `$A`, `$B`, and `:1` for the type id.
    """

    tokens: dict[str, tuple[str, ...]] = field(default_factory=dict)
    single: str | None = None
    pair: str | None = None
    extra: tuple[str, ...] = ()
    """Special tokens without a role (T5's sentinels), after the others."""

    def role(self, name: str) -> str | None:
        """The token that plays a role (`pad_token`, …), or None."""
        return next((token for token, roles in self.tokens.items() if name.removesuffix("_token") in roles), None)

    def roles(self) -> dict[str, str]:
        return {name: token for name in ROLES if (token := self.role(name)) is not None}


_BERT_PAIR = "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1"
_SPM_SENTINELS = tuple(f"<extra_id_{number}>" for number in range(100))

FAMILIES: dict[str, Family] = {
    "none": Family(),
    "unk": Family({"<unk>": ("unk",)}),
    "roberta": Family(
        {"<s>": ("bos", "cls"), "<pad>": ("pad",), "</s>": ("eos", "sep"), "<unk>": ("unk",), "<mask>": ("mask",)},
        "<s> $A </s>",
        "<s> $A </s> </s> $B </s>",
    ),
    "bert": Family(
        {"[PAD]": ("pad",), "[UNK]": ("unk",), "[CLS]": ("cls",), "[SEP]": ("sep",), "[MASK]": ("mask",)},
        "[CLS] $A [SEP]",
        _BERT_PAIR,
    ),
    "albert": Family(
        {"<pad>": ("pad",), "<unk>": ("unk",), "[CLS]": ("bos", "cls"), "[SEP]": ("eos", "sep"), "[MASK]": ("mask",)},
        "[CLS] $A [SEP]",
        _BERT_PAIR,
    ),
    "deberta": Family(
        {"[PAD]": ("pad",), "[CLS]": ("bos", "cls"), "[SEP]": ("eos", "sep"), "[UNK]": ("unk",), "[MASK]": ("mask",)},
        "[CLS] $A [SEP]",
        _BERT_PAIR,
    ),
    "modernbert": Family(
        {"[UNK]": ("unk",), "[CLS]": ("cls",), "[SEP]": ("sep",), "[PAD]": ("pad",), "[MASK]": ("mask",)},
        "[CLS] $A [SEP]",
        "[CLS] $A [SEP] $B [SEP]",
    ),
    "gpt2": Family({"<|endoftext|>": ("bos", "eos", "unk"), "<|padding|>": ("pad",)}, "$A", "$A $B"),
    "llama": Family(
        {"<unk>": ("unk",), "<s>": ("bos",), "</s>": ("eos",), "<pad>": ("pad",)}, "<s> $A", "<s> $A <s>:1 $B:1"
    ),
    "t5": Family(
        {"<pad>": ("pad",), "</s>": ("eos",), "<unk>": ("unk",)}, "$A </s>", "$A </s> $B </s>", _SPM_SENTINELS
    ),
    "marian": Family({"</s>": ("eos",), "<unk>": ("unk",), "<pad>": ("pad",)}, "$A </s>", "$A $B </s>"),
}

_MODEL_TYPES = {
    "roberta": "bart camembert data2vec-text ibert led longformer mbart mpnet mvp plbart "
    "jina_embeddings_v3 xlm flaubert roberta roberta-prelayernorm xlm-roberta xlm-roberta-xl xmod blenderbot "
    "blenderbot-small",
    "bert": "bert bert-generation convbert gte nomic_bert prophetnet distilbert electra ernie fnet funnel "
    "megatron-bert mobilebert mra nystromformer rembert roc_bert roformer squeezebert yoso",
    "albert": "albert big_bird xlnet",
    "deberta": "deberta deberta-v2",
    "modernbert": "modernbert modernbert-decoder",
    "t5": "bigbird_pegasus byt5 longt5 mt5 pegasus pegasus_x pix2struct switch_transformers t5 umt5",
    "marian": "fsmt m2m_100 marian nllb",
    "llama": "cohere cohere2 ernie4_5 falcon_h1 gemma gemma2 gemma3_text glm glm4 granite jetmoe llama llama4_text "
    "minimax mistral mixtral olmoe persimmon phi3 phimoe smollm3 xglm",
}
_FAMILY_OF = {name: family for family, names in _MODEL_TYPES.items() for name in names.split()}


def family_of(model_type: str, network: str = "decoder") -> str:
    """The family of a `transformers` model type (`roberta`, `gpt_neox`, …).

    Models that are not listed go by their kind of network: roberta for an encoder, t5 for an encoder-decoder, else
    gpt2 with its one end-of-text token (gpt_neox, opt, bloom, mamba, olmo2, qwen3, …). Whether the name exists is
    checked elsewhere.
    """
    return _FAMILY_OF.get(model_type, {"encoder": "roberta", "encoder-decoder": "t5"}.get(network, "gpt2"))
