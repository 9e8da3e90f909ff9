"""Which Hugging Face model types (transformers 5.23) are which kind of network. Names only: no heavy imports.

A kind is told by the language-model head that transformers has for it: an encoder sees both sides of a token and fills
it in (AutoModelForMaskedLM), a decoder sees what is before it and continues (AutoModelForCausalLM), an
encoder-decoder does the one and then the other (AutoModelForSeq2SeqLM). A test holds these tables against the
library's own. `OTHER` lists what the library offers under the same heads but is not a model of text alone (speech,
images, tables), or has no network of its own to build, or cannot learn what its head is for: CPM-Ant's causal head sees
the tokens that it is to predict, and MRA's attention is zero without a CUDA kernel that is fetched when it runs.
"""

from __future__ import annotations

from typing import Literal

Network = Literal["encoder", "decoder", "encoder-decoder"]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


OTHER = _names("""
    aria_text audioflamingo3 blt cpmant dots3_note emu3 encoder-decoder fuyu gemma3 gemma3n gemma4 gemma4_assistant
    gemma4_unified gemma4_unified_assistant git glmasr got_ocr2 gpt-sw3 granite_speech granite_speech_plus
    layoutlm llama4 luke mllama modernvbert moshi moss_transcribe_diarize musicflamingo mra musicgen musicgen_melody
    nemo_speechlm neomme perceiver phi4_multimodal qwen2_audio qwen3_5 qwen3_5_moe qwen3_asr qwen4_exp
    seamless_m4t seamless_m4t_v2 t5gemma2 tapas trocr ultravbert vibevoice_asr voxtral voxtral_realtime whisper
    """)
ENCODERS = _names("""
    albert bert big_bird camembert convbert data2vec-text deberta deberta-v2 distilbert electra ernie esm esmc
    eurobert flaubert fnet funnel gte ibert jina_embeddings_v3 longformer megatron-bert mobilebert modernbert
    mpnet nomic_bert nystromformer reformer rembert roberta roberta-prelayernorm roc_bert roformer
    squeezebert ultrabert xlm xlm-roberta xlm-roberta-xl xmod yoso
    """)
DECODERS = _names("""
    afmoe apertus arcee axk1 axk2 bailing_hybrid bamba beam bert bert-generation big_bird biogpt bitnet bloom
    camembert codegen cohere cohere2 cohere2_moe cohere_compass_text ctrl cwm data2vec-text dbrx
    deepseek_v2 deepseek_v3 deepseek_v32 deepseek_v4 diffllama doge dots1 dots3_note_text electra ernie ernie4_5
    ernie4_5_moe exaone4 exaone_moe falcon falcon_h1 falcon_mamba flex_olmo flint gemma gemma2 gemma3_text
    gemma3n_text gemma4_text gemma4_unified_text glm glm4 glm4_moe glm4_moe_lite glm_moe_dsa gpt2 gpt_bigcode
    gpt_neo gpt_neox gpt_neox_japanese gpt_oss gptj granite granite_swa granitemoe granitemoe_swa
    granitemoehybrid granitemoeshared helium hrm_text hunyuan_v1_dense hunyuan_v1_moe hy_v3 hy_v4 hyperclovax
    inkling2_text inkling_text internlm3 iquestcoder jais2 jamba jetmoe kimi_linear kolibri1 laguna lfm2
    lfm2_moe lfm3 llama llama4_text longcat_flash mamba mamba2 megatron-bert mellum mimo_v2_flash minicpm3
    minimax minimax_m2 minimax_m3_vl_text ministral ministral3 mistral mixtral modernbert-decoder mpt nanochat
    nemotron nemotron_h olmo olmo2 olmo3 olmo_hybrid olmoe openai-gpt opt persimmon phi phi3 phimoe qwen2
    qwen2_moe qwen3 qwen3_5_moe_text qwen3_5_text qwen3_moe qwen3_next qwen4_exp_text recurrent_gemma reformer
    rembert roberta roberta-prelayernorm roc_bert roformer rwkv seed_oss smollm3 solar_open stablelm starcoder2
    vaultgemma xglm xlm xlm-roberta xlm-roberta-xl xlnet xlstm xmod youtu zamba zamba2 zaya
    """)
ENCODER_DECODERS = _names("""
    bart bigbird_pegasus blenderbot blenderbot-small fsmt led longt5 m2m_100 marian mbart mt5 mvp nllb-moe
    pegasus pegasus_x plbart prophetnet switch_transformers t5 t5gemma umt5
    """)

BY_NETWORK: dict[Network, frozenset[str]] = {
    "encoder": ENCODERS,
    "decoder": DECODERS,
    "encoder-decoder": ENCODER_DECODERS,
}
KNOWN = ENCODERS | DECODERS | ENCODER_DECODERS
WITHOUT_HEADS = _names("mamba mamba2 falcon_mamba rwkv fnet xlstm")
"""Networks without attention heads: `heads` means nothing there, so it need not divide hidden_size."""


def networks_of(architecture: str) -> list[Network]:
    """The kinds of network that this architecture can be, e.g. bert → ['encoder', 'decoder']; [] if unknown."""
    return [network for network, names in BY_NETWORK.items() if architecture in names]


def described(networks: list[Network]) -> str:
    """'a decoder or an encoder-decoder'."""
    return " or ".join(f"{'a' if network == 'decoder' else 'an'} {network}" for network in networks)
