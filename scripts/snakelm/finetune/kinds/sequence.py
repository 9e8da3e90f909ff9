"""Tasks with one answer per text or pair of texts: classification (one or many labels) and regression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from snakelm.finetune.features import Features
from snakelm.finetune.kinds.base import Batch, Kind
from snakelm.finetune.weighting import label_weights

if TYPE_CHECKING:
    from pandas import DataFrame


class Sequence(Kind):
    """Text or pair of texts, cut at max_length (the longer of a pair first) → one row of logits."""

    auto_class = "AutoModelForSequenceClassification"

    def features(self, frame: DataFrame, split: str) -> Features:
        pairs = frame["text_pair"].tolist() if "text_pair" in frame else None
        encoded = self.tokenizer(
            frame["text"].tolist(), pairs, truncation=True, max_length=self.max_length, return_attention_mask=False
        )
        columns = {name: list(values) for name, values in encoded.items()}
        if split != "test":
            columns["labels"] = self.targets(frame)
        return Features(columns, list(range(len(frame))))

    def targets(self, frame: DataFrame) -> list[Any]:
        raise NotImplementedError


class TextClassification(Sequence):
    """Cross-entropy over the labels; with several labels per row binary cross-entropy of each, cut at 0.5."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self.ids = {label: number for number, label in enumerate(self.data.labels or [])}
        self.weights = None
        if self.task.class_weights is not None:
            golds = [[gold] if isinstance(gold, str) else gold for gold in self.data.splits["train"]["gold"]]
            self.weights = label_weights(self.task.class_weights, golds, self.data.labels or [])

    def head(self) -> dict[str, Any]:
        problem = "multi_label_classification" if self.task.multi_label else "single_label_classification"
        names = dict(enumerate(self.data.labels or []))
        return {"num_labels": len(names), "id2label": names, "label2id": self.ids, "problem_type": problem}

    def targets(self, frame: DataFrame) -> list[Any]:
        if not self.task.multi_label:
            return [self.ids[gold] for gold in frame["gold"]]
        return [[float(label in gold) for label in self.ids] for gold in frame["gold"]]

    def loss(self, answer: Any, batch: Batch) -> torch.Tensor:
        logits_BC, labels = answer.logits.float(), batch["labels"]
        weights_C = None if self.weights is None else self.weights.to(logits_BC.device)
        smoothing = self.task.label_smoothing
        if not self.task.multi_label:
            loss_B = functional.cross_entropy(logits_BC, labels, reduction="none", label_smoothing=smoothing)
            return (loss_B if weights_C is None else loss_B * weights_C[labels]).sum()
        targets_BC = labels.float() * (1 - smoothing) + smoothing / 2
        loss_BC = functional.binary_cross_entropy_with_logits(logits_BC, targets_BC, reduction="none")
        return (loss_BC if weights_C is None else loss_BC * weights_C).mean(1).sum()

    def decode(self, outputs: list[np.ndarray], features: Features, frame: DataFrame) -> DataFrame:
        logits_BC = np.stack(outputs)
        labels = self.data.labels or []
        table = frame.copy()
        if self.task.multi_label:
            chances_BC = 1 / (1 + np.exp(-logits_BC))
            table["prediction"] = [sorted(labels[c] for c in np.flatnonzero(chances > 0.5)) for chances in chances_BC]
            table["score"] = np.maximum(chances_BC, 1 - chances_BC).min(1)
        else:
            chances_BC = softmax(logits_BC)
            table["prediction"] = [labels[number] for number in chances_BC.argmax(1)]
            table["score"] = chances_BC.max(1)
        return table


class Regression(Sequence):
    """Squared error of the target, by default in standard deviations of the training rows.

    The scale goes into the saved model, so that whoever loads it gets the target's own unit."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        gold = self.data.splits["train"]["gold"].to_numpy(float)
        self.mean, self.deviation = (0.0, 1.0)
        if self.task.standardize:
            self.mean, self.deviation = float(gold.mean()), float(gold.std()) or 1.0

    def head(self) -> dict[str, Any]:
        return {"num_labels": 1, "id2label": {0: "value"}, "label2id": {"value": 0}, "problem_type": "regression"}

    def fits(self, model: torch.nn.Module) -> bool:
        return _last_linear(model).bias is not None or _norm_before(_last_linear(model), model) is not None

    def targets(self, frame: DataFrame) -> list[float]:
        return [(gold - self.mean) / self.deviation for gold in frame["gold"]]

    def loss(self, answer: Any, batch: Batch) -> torch.Tensor:
        values_B = answer.logits.float()[:, 0]
        return functional.mse_loss(values_B, batch["labels"].float(), reduction="sum")

    def decode(self, outputs: list[np.ndarray], features: Features, frame: DataFrame) -> DataFrame:
        values_B = np.stack(outputs)[:, 0].astype(float) * self.deviation + self.mean
        return frame.assign(prediction=values_B)

    def finish(self, model: Any) -> None:
        if hasattr(model.config, "target_mean"):
            model.config.target_mean, model.config.target_std = self.mean, self.deviation
            return
        with torch.no_grad():
            head = _last_linear(model)
            head.weight.mul_(self.deviation)
            if head.bias is not None:
                head.bias.mul_(self.deviation).add_(self.mean)
                return
            # A head without a bias (GPT-2's) gets the mean from the layer norm that feeds it alone: w · w / |w|² = 1.
            weight_D = head.weight[0]
            _norm_before(head, model).bias.add_(weight_D * (self.mean / weight_D.square().sum()))


def _last_linear(model: torch.nn.Module) -> torch.nn.Linear:
    """The layer that gives the one output of a regression head."""
    return [part for part in model.modules() if isinstance(part, torch.nn.Linear) and part.out_features == 1][-1]


def _norm_before(head: torch.nn.Linear, model: torch.nn.Module) -> torch.nn.LayerNorm | None:
    """The layer norm with a bias whose output is what the head reads, found by watching one forward pass."""
    norms = [part for part in model.modules() if isinstance(part, torch.nn.LayerNorm) and part.bias is not None]
    made: list[tuple[torch.nn.LayerNorm, torch.Tensor]] = []
    read: list[torch.Tensor] = []
    watches = [part.register_forward_hook(lambda part, _, out: made.append((part, out))) for part in norms]
    watches.append(head.register_forward_pre_hook(lambda _, given: read.append(given[0])))
    training = model.training
    try:
        with torch.no_grad():
            ids_BL = torch.arange(4, device=head.weight.device)[None]
            model.eval()(input_ids=ids_BL, attention_mask=torch.ones_like(ids_BL))
    finally:
        model.train(training)
        for watch in watches:
            watch.remove()
    # The outputs are all still held, so an equal address means the same numbers, perhaps in another shape.
    return next((part for part, out in made if read and out.data_ptr() == read[-1].data_ptr()), None)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities along the last axis."""
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)
