"""Every kind of architecture: build from names, two steps, save, load by AutoModel, and the same loss as densely."""

from __future__ import annotations

import pytest
import torch
import transformers
from torch.nn.functional import cross_entropy

from snakelm.architectures.build import AUTO_CLASSES, build_model
from snakelm.pretrain.config import ModelConfig
from snakelm.pretrain.pretrain import pretrain
from snakelm.pretrain.stream import TokenStream
from snakelm.pretrain.trainer import LabelledRows
from tests.pretrain import lab

MATRIX = {
    "mlm": "roberta bert distilbert electra albert deberta-v2 mpnet modernbert xlm-roberta convbert big_bird fnet"
    " longformer mobilebert xmod reformer squeezebert",
    "clm": "gpt2 gpt_neox opt llama mistral qwen3 gemma mamba bert deepseek_v3 dbrx bamba xglm xlm xlnet reformer",
    "span_denoising": "t5 bart t5gemma",
}
CASES = [(objective, name) for objective, names in MATRIX.items() for name in names.split()]


@pytest.mark.parametrize(("objective", "architecture"), CASES, ids=lambda value: value)
def test_architecture(objective, architecture, parents, tmp_path):
    keys = {"objective": objective, "architecture": architecture, "steps": 2, "layers": 2}
    attempt = lab.job(tmp_path, parents, **keys)
    headline = pretrain(attempt)
    assert headline["steps"] == 2 and headline["validation_loss"] < 7
    model = getattr(transformers, AUTO_CLASSES[attempt.config.network]).from_pretrained(attempt.out)
    assert model.config.model_type == architecture and model.num_parameters() == headline["parameters"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(attempt.out)
    assert model.get_input_embeddings().weight.shape[0] == len(tokenizer)
    changed = build_model(attempt.config.architecture_config(), tokenizer, seed=0).state_dict()
    assert any(not torch.equal(changed[name], tensor) for name, tensor in model.state_dict().items())
    _same_loss_as_densely(attempt.config, tokenizer, model, parents)


def _same_loss_as_densely(config: ModelConfig, tokenizer, model, parents) -> None:
    objective = config.batches(tokenizer, TokenStream(parents["encoded"], "train"))
    objective.meet(model.config)
    batch = objective.collate([objective.read(row, 0, row) for row in range(4)])
    labels_N, positions_N = batch.pop("labels"), batch.pop("label_positions", None)
    model.eval()
    with torch.no_grad():
        dense_NV = model(**batch).logits.flatten(0, 1)
        dense_NV = dense_NV if positions_N is None else dense_NV[positions_N]
        rows = LabelledRows(model)
        rows.positions_N = positions_N
        kept_NV = model(**batch).logits.reshape(-1, dense_NV.shape[-1])
    assert kept_NV.shape == (len(labels_N), model.config.vocab_size)
    torch.testing.assert_close(cross_entropy(kept_NV, labels_N), cross_entropy(dense_NV, labels_N), rtol=1e-5, atol=0)
    torch.testing.assert_close(kept_NV, dense_NV, rtol=1e-4, atol=1e-5)
