"""Muon is PyTorch's Muon; several optimizers are one to schedulers and checkpoints; which weights go to which."""

from __future__ import annotations

import copy

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel

from snakelm.training.config import TrainingConfig
from snakelm.training.muon import Muon, orthogonalised
from snakelm.training.optimizers import hidden_matrices, muon


def test_muon_steps_as_pytorchs_does():
    torch.manual_seed(0)
    ours = [torch.nn.Parameter(torch.randn(shape)) for shape in [(8, 8), (24, 8), (8, 24), (24, 8)]]
    theirs = [torch.nn.Parameter(weight.detach().clone()) for weight in ours]
    keys = {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.1}
    stock = torch.optim.Muon(theirs, **keys, nesterov=True, adjust_lr_fn="match_rms_adamw")
    optimizer = Muon(ours, **keys)
    for _ in range(5):
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        optimizer.step()
        stock.step()
    for one, other in zip(ours, theirs, strict=True):  # PyTorch's is bfloat16: 8 bits
        assert (one - other).abs().max() < 0.02 * one.abs().max()


def test_an_orthogonalised_matrix_has_singular_values_near_one():
    torch.manual_seed(0)
    for shape in [(3, 16, 16), (2, 32, 8), (2, 8, 32)]:
        values = torch.linalg.svdvals(orthogonalised(torch.randn(shape)).float())
        assert values.min() > 0.3 and values.max() < 1.3


def gpt2() -> GPT2LMHeadModel:
    """Without dropout."""
    return GPT2LMHeadModel(GPT2Config(vocab_size=50, n_positions=16, n_embd=8, n_layer=2, n_head=2)).eval()


def test_embeddings_heads_and_vectors_are_no_hidden_matrices():
    names = set(hidden_matrices(gpt2()))
    layer = ["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"]
    assert names == {f"transformer.h.{n}.{name}.weight" for n in (0, 1) for name in layer}
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    classifier = BertForSequenceClassification(BertConfig(vocab_size=50, **sizes))
    assert not any("embeddings" in name or "classifier" in name for name in hidden_matrices(classifier))
    assert "bert.encoder.layer.0.attention.self.query.weight" in hidden_matrices(classifier)


def groups(model: torch.nn.Module, lr: float = 1e-3) -> list[dict[str, object]]:
    weights = list(model.parameters())
    return [
        {"params": [weight for weight in weights if weight.ndim > 1], "lr": lr, "weight_decay": 0.1},
        {"params": [weight for weight in weights if weight.ndim < 2], "lr": lr, "weight_decay": 0.0},
    ]


def test_a_scheduler_reaches_all_parts_and_a_checkpoint_holds_them():
    torch.manual_seed(0)
    model = gpt2()
    config = TrainingConfig(optimizer="muon", learning_rate=1e-3, muon_learning_rate=4e-3)
    optimizer = muon(model, groups(model), config)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([1e-3, 1e-3, 4e-3])
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))

    def step(model: GPT2LMHeadModel, optimizer: torch.optim.Optimizer, number: int) -> None:
        ids = torch.arange(12).reshape(2, 6) + number
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        scheduler.step()
        model.zero_grad()

    for number in range(3):
        step(model, optimizer, number)
    saved, weights = copy.deepcopy(optimizer.state_dict()), copy.deepcopy(model.state_dict())
    step(model, optimizer, 3)
    expected = copy.deepcopy(model.state_dict())

    other = gpt2()
    other.load_state_dict(weights)
    again = muon(other, groups(other), config)
    again.load_state_dict(saved)
    assert [group["lr"] for group in again.param_groups] == pytest.approx([1e-3 / 4, 1e-3 / 4, 4e-3 / 4])
    step(other, again, 3)
    assert all(torch.equal(weight, expected[name]) for name, weight in other.state_dict().items())
