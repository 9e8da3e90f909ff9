"""The recipe of the classic model: it is the classic one, and overridden to tiny sizes it trains on a local file."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

from snakelm.architectures.build import build_model
from snakelm.pretrain.objectives import objectives
from snakelm.pretrain.pretrain import pretrain
from snakelm.recipe.loading import load
from tests.pretrain import lab

RECIPE = Path(__file__).resolve().parents[2] / "config/esperberto.yaml"
TINY = {
    "models": {
        "esperberto": {
            "layers": 1,
            "hidden_size": 32,
            "heads": 2,
            "sequence_length": 16,
            "positions": 64,
            "batch_size": 8,
            "gpus": 0,
        }
    },
    "tokenizers": {"esperanto": {"vocab_size": 400}},
}


def test_it_is_the_classic_model_of_84_million_parameters():
    model = load([RECIPE]).models["esperberto"]

    class Tokenizer:
        """A vocabulary of the recipe's size, without training one."""

        bos_token_id, pad_token_id, eos_token_id, unk_token_id, mask_token_id = 0, 1, 2, 3, 4
        cls_token_id, sep_token_id = 0, 2

        def __len__(self) -> int:
            return 52_000

        def get_vocab(self) -> dict[str, int]:
            return {"last": 51_999}

    with torch.device("meta"):
        built = build_model(model.architecture_config(), Tokenizer())
    assert built.num_parameters() == pytest.approx(84e6, rel=0.01)
    assert built.config.max_position_embeddings == 514


def test_overridden_to_tiny_sizes_it_trains_on_a_local_file(parents, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("\n".join(lab.sentences(50)))
    overrides = copy.deepcopy(TINY) | {"corpora": {"esperanto": {"hub": None, "files": str(text), "unit": "line"}}}
    recipe = load([RECIPE], overrides)
    model = recipe.models["esperberto"]
    config = {name: getattr(model, name) for name in objectives.of(model.model_dump()).model_fields}
    attempt = lab.job(tmp_path / "run", parents, **config)
    headline = pretrain(attempt)
    assert headline["epochs"] == pytest.approx(1, abs=0.1)
    assert type(AutoModelForMaskedLM.from_pretrained(attempt.out)).__name__ == "RobertaForMaskedLM"
    assert AutoTokenizer.from_pretrained(attempt.out).mask_token == "<mask>"
    samples = (attempt.out / "samples.txt").read_text()
    assert samples.startswith("La suno <mask>.\n  ⟶ ") and samples.count("⟶") == 2
