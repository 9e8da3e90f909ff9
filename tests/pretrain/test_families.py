"""One tokenizer entry, models of three families: each gets its own special tokens, and trains with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import transformers

from snakelm.architectures.build import AUTO_CLASSES
from snakelm.planning.plan import PlannedRun
from snakelm.planning.planner import make_plan
from snakelm.recipe.loading import load
from snakelm.runs.context import RunContext
from snakelm.runs.stages import STAGES, resolve
from snakelm.runs.store import Store
from tests.pretrain import lab

SIZES = {"hidden_size": 32, "layers": 1, "heads": 2, "sequence_length": 16, "batch_size": 8, "steps": 1}
MODELS = {
    "gpt2": ("clm", ["<|endoftext|>", "<|padding|>"]),
    "roberta": ("mlm", ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]),
    "t5": ("span_denoising", ["<pad>", "</s>", "<unk>", "<extra_id_0>"]),
}


@dataclass
class Workshop:
    """Makes the runs of a recipe in this process, one after another, as its jobs do."""

    root: Path

    def make(self, run: PlannedRun) -> Path:
        out = self.root / f"{run.stage}-{run.id}"
        if not out.exists():
            parents = {role: self.make(parent) for role, parent in run.parents.items()}
            out.mkdir()
            if run.stage == "fetch_corpus":
                return lab.make_corpus(out, lab.sentences(200), lab.sentences(20, start=500))
            context = RunContext(run.name, run.typed(), parents, out, out / "work", cache=self.root / "cache")
            resolve(STAGES[run.stage].function)(context)
        return out


@pytest.mark.parametrize("kind", ["byte_level_bpe", "bert_wordpiece", "sentencepiece_unigram"])
def test_models_of_three_families_train_on_one_tokenizer_entry(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("c.txt").write_text("Anna reads.\n")
    recipe: dict[str, Any] = {
        "corpora": {"c": {"files": "c.txt", "split": {"validation": 0.1}}},
        "tokenizers": {"t": {"corpus": "c", "kind": kind, "vocab_size": 500}},
        "models": {
            name: {"corpus": "c", "tokenizer": "t", "architecture": name, "objective": objective, **SIZES}
            for name, (objective, _) in MODELS.items()
        },
    }
    plan, workshop = make_plan(load([], recipe), Store()), Workshop(tmp_path)
    for run in plan.of("pretrain"):
        tokens, folder = MODELS[run.name][1], workshop.make(run)
        model = getattr(transformers, AUTO_CLASSES[run.typed().network]).from_pretrained(folder)
        assert model.config.model_type == run.name
        auto = transformers.AutoTokenizer.from_pretrained(folder)
        assert auto.convert_tokens_to_ids(tokens) == list(range(len(tokens)))
        assert (
            model.config.pad_token_id
            == auto.pad_token_id
            == tokens.index({"gpt2": "<|padding|>"}.get(run.name, "<pad>"))
        )
        assert (
            model.config.eos_token_id
            == auto.eos_token_id
            == tokens.index({"gpt2": "<|endoftext|>"}.get(run.name, "</s>"))
        )
        assert model.get_input_embeddings().weight.shape[0] == len(auto)
        assert auto.mask_token == ("<mask>" if run.name == "roberta" else None)
        assert auto.bos_token == {"gpt2": "<|endoftext|>", "roberta": "<s>"}.get(run.name)
        assert "<extra_id_0>" in auto.get_vocab() or run.name != "t5"
    learned = list((tmp_path / "cache").glob("*.json"))
    assert len(learned) == (0 if kind == "sentencepiece_unigram" else 1)
