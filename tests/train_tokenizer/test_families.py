"""Special tokens and templates: ids and positions as the families' published tokenizers have them."""

from __future__ import annotations

import json

import pytest
from transformers import AutoTokenizer, BertTokenizer, RobertaTokenizer, T5Tokenizer

from snakelm.pretrain.objectives import objectives
from snakelm.tokenization.families import FAMILIES, family_of
from snakelm.train_tokenizer.config import TokenizerConfig, check_for_model

EXPECTED = {
    "roberta": (["<s>", "<pad>", "</s>", "<unk>", "<mask>"], "<s> A </s>", "<s> A </s> </s> B </s>"),
    "bert": (["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], "[CLS] A [SEP]", "[CLS] A [SEP] B [SEP]"),
    "modernbert": (["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"], "[CLS] A [SEP]", "[CLS] A [SEP] B [SEP]"),
    "albert": (["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"], "[CLS] A [SEP]", "[CLS] A [SEP] B [SEP]"),
    "deberta": (["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"], "[CLS] A [SEP]", "[CLS] A [SEP] B [SEP]"),
    "gpt2": (["<|endoftext|>", "<|padding|>"], "A", "A B"),
    "llama": (["<unk>", "<s>", "</s>", "<pad>"], "<s> A", "<s> A <s> B"),
    "t5": (["<pad>", "</s>", "<unk>", "<extra_id_0>"], "A </s>", "A </s> B </s>"),
    "marian": (["</s>", "<unk>", "<pad>"], "A </s>", "A B </s>"),
}


@pytest.mark.parametrize("family", EXPECTED)
def test_ids_and_templates(lab, family):
    tokens, single, pair = EXPECTED[family]
    auto = AutoTokenizer.from_pretrained(lab.both(kind="byte_level_bpe", vocab_size=700, family=family))
    assert auto.convert_tokens_to_ids(tokens) == list(range(len(tokens)))
    special = set(auto.all_special_tokens)

    def shape(*texts: str) -> str:
        found = auto(*texts)
        names = auto.convert_ids_to_tokens(found["input_ids"])
        return " ".join(name if name in special else {"a": "A", "b": "B"}[name] for name in names)

    assert shape("a") == single and shape("a", "b") == pair
    assert {role: getattr(auto, role) for role in FAMILIES[family].roles()} == FAMILIES[family].roles()
    assert auto.pad_token_id is not None


def test_bert_numbers_the_second_text():
    assert ":1" in FAMILIES["bert"].pair and ":1" not in FAMILIES["modernbert"].pair


def test_type_ids_reach_the_model_only_where_the_template_has_them(lab):
    bert = AutoTokenizer.from_pretrained(lab.both(kind="bert_wordpiece", vocab_size=400, family="bert"))
    assert bert("a", "b")["token_type_ids"] == [0, 0, 0, 1, 1]
    roberta = AutoTokenizer.from_pretrained(lab.both(kind="byte_level_bpe", vocab_size=400, family="roberta"))
    assert set(roberta("a", "b")) == {"input_ids", "attention_mask"}


def test_mask_takes_the_blank_before_it(lab):
    auto = AutoTokenizer.from_pretrained(lab.both(kind="byte_level_bpe", vocab_size=400, family="roberta"))
    ids = auto("a <mask>b", add_special_tokens=False)["input_ids"]
    assert auto.convert_ids_to_tokens(ids) == ["a", "<mask>", "b"]


def test_the_classes_of_transformers_give_the_same_from_the_classic_files(lab):
    """RobertaTokenizer on vocab.json + merges.txt, BertTokenizer on vocab.txt."""
    lines = ["The ruling of ducks, naïve 👍🏽!", "  two  blanks", "x" * 50, "a <mask> b", "[MASK] it"]
    folder = lab.both(kind="byte_level_bpe", vocab_size=600, family="roberta")
    auto = AutoTokenizer.from_pretrained(folder)
    other = RobertaTokenizer(vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"))
    other.add_tokens([auto.added_tokens_decoder[auto.mask_token_id]], special_tokens=True)
    for line in lines:
        one, two = (each(line, "b", return_offsets_mapping=True) for each in (auto, other))
        assert one["input_ids"] == two["input_ids"] and one["offset_mapping"] == two["offset_mapping"]
    folder = lab.both(kind="bert_wordpiece", vocab_size=400, family="bert")
    auto, other = AutoTokenizer.from_pretrained(folder), BertTokenizer(vocab=str(folder / "vocab.txt"))
    for line in lines:
        one, two = (each(line, "b", return_offsets_mapping=True) for each in (auto, other))
        assert dict(one) == dict(two)


def test_t5_tokenizer_has_the_same_special_ids(lab):
    ours = AutoTokenizer.from_pretrained(lab.both(kind="sentencepiece_unigram", vocab_size=500, family="t5"))
    theirs = T5Tokenizer()
    for role in ("pad_token", "eos_token", "unk_token"):
        assert getattr(ours, f"{role}_id") == getattr(theirs, f"{role}_id")
    assert ours.convert_tokens_to_ids("<extra_id_99>") is not None


def test_set_by_hand(lab):
    folder = lab.both(
        kind="byte_level_bpe",
        vocab_size=400,
        special_tokens=["<pad>", "<start>", {"content": "<gap>", "lstrip": True}, "<unk>"],
        bos_token="<start>",
        mask_token="<gap>",
        template_single="<start> $A",
        template_pair="<start> $A <start> $B:1",
    )
    auto = AutoTokenizer.from_pretrained(folder)
    assert (auto.pad_token_id, auto.bos_token_id, auto.mask_token_id, auto.unk_token_id) == (0, 1, 2, 3)
    assert auto("a", "b")["token_type_ids"] == [0, 0, 0, 1]
    assert auto.convert_ids_to_tokens(auto("a <gap>")["input_ids"]) == ["<start>", "a", "<gap>"]
    assert json.loads((folder / "special_tokens_map.json").read_text())["mask_token"] == "<gap>"


def test_family_of_an_architecture():
    assert (
        family_of("roberta") == "roberta" and family_of("gpt_neox") == "gpt2" and family_of("deberta-v2") == "deberta"
    )
    assert family_of("unheard-of", "encoder") == "roberta" and family_of("unheard-of", "encoder-decoder") == "t5"


def config(**settings):
    return TokenizerConfig(corpus="text", **settings)


def misses(tokenizer: TokenizerConfig, objective: str, architecture: str) -> list[str]:
    model = objectives.get(objective)
    return check_for_model(tokenizer, architecture, model.network, objective, model.needs)


@pytest.mark.parametrize("family", [None, *EXPECTED])
def test_families_serve_their_models(family):
    objective = {"t5": "span_denoising", "gpt2": "clm", "llama": "clm", "marian": "clm", None: "clm"}.get(family, "mlm")
    architecture = {"marian": "marian", None: "gpt2"}.get(family, family)
    assert misses(config(family=family), objective, architecture) == []


@pytest.mark.parametrize(
    "settings,objective,architecture,said",
    [
        ({"special_tokens": []}, "clm", "gpt2", "no pad token"),
        ({"special_tokens": []}, "clm", "gpt2", "no token that ends a text"),
        ({"special_tokens": ["<pad>", "<eos>"]}, "mlm", "bert", "no mask token.*add '<mask>'"),
        ({"special_tokens": ["<eos>", "<pad>"]}, "span_denoising", "t5", "no sentinels"),
        ({"family": "gpt2"}, "mlm", "roberta", "no mask token"),
        ({"special_tokens": ["<eos>", "<mask>", "<s>", "<pad>"]}, "mlm", "roberta", "would have id 3.*first or second"),
        ({}, "clm", "qwen2", "transformers would replace it"),
    ],
)
def test_what_a_model_misses_is_said(settings, objective, architecture, said):
    import re

    lines = misses(config(**settings), objective, architecture)
    assert any(re.search(said, line) for line in lines) and all("\n" not in line for line in lines)


def test_autotokenizer_of_a_model_folder_keeps_ours(lab):
    """Beside a model's config.json too, but for the architectures that check_for_model refuses."""
    from snakelm.train_tokenizer.config import REBUILT

    folder = lab.both(kind="byte_level_bpe", vocab_size=400, family="bert")
    expected = AutoTokenizer.from_pretrained(folder)("Ducks  naïve")["input_ids"]
    for architecture in ("bert", "roberta", "gpt2", "llama", "t5", "modernbert", "qwen3", "mistral", "deberta-v2"):
        (folder / "config.json").write_text(json.dumps({"model_type": architecture}))
        assert AutoTokenizer.from_pretrained(folder)("Ducks  naïve")["input_ids"] == expected, architecture
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen2"}))
    assert type(AutoTokenizer.from_pretrained(folder)).__name__ == "Qwen2Tokenizer" and "qwen2" in REBUILT
