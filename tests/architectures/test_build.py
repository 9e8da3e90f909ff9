"""Untrained networks: the tables of names, the sizes, the seeds, and what is refused."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from transformers.activations import ACT2FN
from transformers.models.auto import modeling_auto as library

from snakelm.architectures import names
from snakelm.architectures.build import build_config, build_model
from snakelm.architectures.config import ArchitectureConfig
from snakelm.core.errors import UserError


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    vocabulary = {token: number for number, token in enumerate(["<s>", "<pad>", "</s>", "<mask>", *"abcdefgh"])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<mask>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", pad_token="<pad>", eos_token="</s>", mask_token="<mask>"
    )


def sizes(architecture: str, network: str = "decoder", **keys) -> ArchitectureConfig:
    values = {"hidden_size": 48, "layers": 3, "heads": 4, "sequence_length": 24} | keys
    return ArchitectureConfig(architecture=architecture, network=network, **values)


def test_the_tables_are_those_of_the_library():
    encoder_decoders = set(library.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES)
    rest = encoder_decoders | names.OTHER
    assert set(library.MODEL_FOR_MASKED_LM_MAPPING_NAMES) - rest == names.ENCODERS
    assert set(library.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES) - rest == names.DECODERS
    assert encoder_decoders - names.OTHER == names.ENCODER_DECODERS


@pytest.mark.parametrize(
    ("architecture", "network", "expected"),
    [
        ("gpt2", "decoder", {"n_embd": 48, "n_layer": 3, "n_head": 4, "n_positions": 24}),
        ("roberta", "encoder", {"intermediate_size": 192, "max_position_embeddings": 24 + 1 + 1, "pad_token_id": 1}),
        ("distilbert", "encoder", {"dim": 48, "n_layers": 3, "n_heads": 4, "hidden_dim": 192}),
        ("gemma", "decoder", {"head_dim": 12, "num_key_value_heads": 4, "intermediate_size": 384}),
        ("mistral", "decoder", {"head_dim": 12, "num_key_value_heads": 4, "intermediate_size": 168}),
        ("t5", "encoder-decoder", {"d_model": 48, "d_kv": 12, "num_decoder_layers": 3, "decoder_start_token_id": 1}),
        ("bart", "encoder-decoder", {"encoder_layers": 3, "decoder_layers": 3, "encoder_ffn_dim": 192}),
        ("electra", "encoder", {"embedding_size": 48}),
        ("bert", "decoder", {"is_decoder": True}),
        ("deepseek_v3", "decoder", {"v_head_dim": 12, "qk_rope_head_dim": 6, "head_dim": 6, "kv_lora_rank": 4}),
        ("deepseek_v2", "decoder", {"num_experts_per_tok": 2, "n_routed_experts": 64}),
        ("bamba", "decoder", {"mamba_n_heads": 4, "mamba_d_head": 24}),
        ("gemma3n_text", "decoder", {"num_kv_shared_layers": 1, "laurel_rank": 2, "vocab_size_per_layer_input": 12}),
        ("hunyuan_v1_dense", "decoder", {"head_dim": 12}),
        ("llama", "decoder", {"head_dim": 12, "num_key_value_heads": 4}),
        ("zamba2", "decoder", {"layers_block_type": ["linear_attention", "linear_attention", "hybrid"]}),
        ("esm", "encoder", {"intermediate_size": 192}),
    ],
)
def test_sizes_reach_every_name_that_the_architecture_has_for_them(architecture, network, expected, tokenizer):
    config = build_config(sizes(architecture, network), tokenizer)
    assert {name: getattr(config, name) for name in expected} == expected
    assert config.vocab_size == len(tokenizer)


def test_sizes_reach_the_parts_of_a_config(tokenizer):
    config = build_config(sizes("t5gemma", "encoder-decoder"), tokenizer)
    for part in (config.encoder, config.decoder):
        assert (part.hidden_size, part.num_hidden_layers, part.head_dim, part.vocab_size) == (48, 3, 12, 12)
    assert build_config(sizes("dbrx"), tokenizer).ffn_config.ffn_hidden_size == 88


def test_dropout_is_off_everywhere_unless_asked_for(tokenizer):
    config = build_config(sizes("gpt2"), tokenizer)
    assert (config.resid_pdrop, config.embd_pdrop, config.attn_pdrop) == (0, 0, 0)
    assert build_config(sizes("roberta", "encoder", dropout=0.2), tokenizer).hidden_dropout_prob == 0.2


def test_the_fused_gelu_is_the_one_that_it_replaces(tokenizer):
    assert build_config(sizes("gpt2"), tokenizer).activation_function == "gelu_pytorch_tanh"
    kept = sizes("gpt2", config={"activation_function": "gelu_new"})
    assert build_config(kept, tokenizer).activation_function == "gelu_new"
    x = torch.linspace(-8, 8, 1001)
    torch.testing.assert_close(ACT2FN["gelu_pytorch_tanh"](x), ACT2FN["gelu_new"](x), rtol=1e-5, atol=1e-6)


def test_overrides_win_and_unknown_ones_are_refused_with_the_nearest_name(tokenizer):
    arch = sizes("llama", config={"num_key_value_heads": 2})
    assert build_config(arch, tokenizer).num_key_value_heads == 2
    with pytest.raises(UserError, match="config.num_key_value_head: llama has no such key; did you mean num_key_value"):
        build_config(sizes("llama", config={"num_key_value_head": 2}), tokenizer)


def test_the_same_seed_gives_the_same_weights_and_another_does_not(tokenizer):
    torch.manual_seed(99)
    first = build_model(sizes("gpt2"), tokenizer, seed=3).state_dict()
    torch.manual_seed(5)
    again = build_model(sizes("gpt2"), tokenizer, seed=3).state_dict()
    other = build_model(sizes("gpt2"), tokenizer, seed=4).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["transformer.wte.weight"], other["transformer.wte.weight"])


def test_a_task_head_gets_its_keys(tokenizer):
    head = {"num_labels": 3, "problem_type": "single_label_classification"}
    model = build_model(sizes("roberta", "encoder"), tokenizer, "AutoModelForSequenceClassification", seed=1, **head)
    assert model.config.num_labels == 3 and model.config.problem_type == head["problem_type"]
    assert model(input_ids=torch.tensor([[4, 5, 6]])).logits.shape == (1, 3)


def test_what_cannot_be_built_is_one_clear_line(tokenizer):
    with pytest.raises(ValidationError, match="architecture 'robreta' is unknown; did you mean roberta"):
        sizes("robreta", "encoder")
    with pytest.raises(ValidationError, match="architecture gpt2 is a decoder, not an encoder"):
        sizes("gpt2", "encoder")
    with pytest.raises(ValidationError, match=r"heads \(5\) must divide hidden_size \(48\)"):
        sizes("gpt2", heads=5)
    with pytest.raises(ValidationError, match=r"sequence_length \(24\) is longer than the model's positions \(16\)"):
        sizes("gpt2", positions=16)
    with pytest.raises(UserError, match="architecture zamba refuses hidden_size 48, layers 2, heads 4: .*under config"):
        build_model(sizes("zamba", layers=2), tokenizer)
    with pytest.raises(UserError, match="architecture gpt2 has no AutoModelForMaskedLM"):
        build_model(sizes("gpt2"), tokenizer, "AutoModelForMaskedLM")
    with pytest.raises(UserError, match=r"vocabulary \(5\) is smaller than the tokenizer's \(12\)"):
        build_model(sizes("gpt2", config={"vocab_size": 5}), tokenizer)
    lacking = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer)
    with pytest.raises(UserError, match="roberta needs a pad token, and the tokenizer has none"):
        build_config(sizes("roberta", "encoder"), lacking)
