"""Texts with something to learn in them, and real tokenizers and models at tiny size."""

from __future__ import annotations

import random
from pathlib import Path

WORDS = "the of to in a is that it was he for on are with as his they be at one have this from or had by hot".split()  # noqa: SIM905
GOOD = ["lovely", "splendid", "brilliant", "charming", "delightful"]
BAD = ["dreadful", "boring", "awful", "tedious", "horrible"]


def sentences(count: int, seed: int = 0, longest: int = 12) -> list[tuple[str, str]]:
    """Texts of filler words with one word that tells the label: (text, 'good' or 'bad')."""
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        label = draw.choice(["good", "bad"])
        words = draw.choices(WORDS, k=draw.randint(3, longest))
        words.insert(draw.randrange(len(words) + 1), draw.choice(GOOD if label == "good" else BAD))
        rows.append((" ".join(words), label))
    return rows


def make_tokenizer(folder: Path, kind: str = "bytes") -> Path:
    """A byte-level BPE tokenizer (causal: no special tokens added) or a WordPiece one (encoders: [CLS] … [SEP])."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    texts = [text for text, _ in sentences(300, seed=99)] + [
        "name where who what when answer question city 0123456789 . , ?"
    ] * 3
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    names = {
        "bos_token": "<s>",
        "pad_token": "<pad>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "mask_token": "<mask>",
    }
    if kind == "bytes":
        tokenizer = Tokenizer(models.BPE(unk_token=None))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=500,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
    else:
        tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
        tokenizer.normalizer = normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(vocab_size=500, special_tokens=special, show_progress=False)
        names |= {"cls_token": "<s>", "sep_token": "</s>"}
    tokenizer.train_from_iterator(texts, trainer)
    if kind != "bytes":
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>", pair="<s> $A </s> $B:1 </s>:1", special_tokens=[("<s>", 0), ("</s>", 2)]
        )
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    return folder


def make_model(folder: Path, tokenizer: Path, architecture: str, network: str, **sizes: object) -> Path:
    """A pretrain run's folder: a tiny model (untrained) with its tokenizer beside it."""
    from transformers import AutoTokenizer

    from snakelm.architectures.build import build_model
    from snakelm.architectures.config import ArchitectureConfig

    sizes = {"hidden_size": 32, "layers": 2, "heads": 2, "sequence_length": 64} | sizes
    loaded = AutoTokenizer.from_pretrained(tokenizer)
    architecture_config = ArchitectureConfig(architecture=architecture, network=network, **sizes)
    build_model(architecture_config, loaded, seed=1).save_pretrained(folder)
    loaded.save_pretrained(folder)
    return folder
