"""Loss and evaluation of language models, with the output layer applied to labelled positions only.

The output layer (hidden_size × vocabulary) is the largest matrix of a small model. Under mlm only 15 to 40 % of the
positions have a label, so a hook in front of the layer keeps those rows and drops the rest: the same loss, and
twice the tokens per second for 4 layers × 256 with 8,192 tokens (benchmarks/pretrain.py).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from snakelm.pretrain.batches import Batches
from snakelm.pretrain.config import ModelConfig
from snakelm.pretrain.mixture import Mixture
from snakelm.training.sampling import Samples
from snakelm.training.trainer import ExactTrainer, Setup


class LabelledRows:
    """Drops the unlabelled positions as early as nothing mixes positions any more.

    In BERT and its kin (layers with `attention.output` and `intermediate`) that is after the last layer's attention;
    elsewhere where the head begins: the modules beside the base model (`cls`, `lm_head`, …), or the output layer
    alone where a model has no base model of its own. The first of these that is called makes B × L × D to 1 × N × D.
    """

    def __init__(self, model: Any):
        self.positions_N: torch.Tensor | None = None
        base = model.base_model
        places = [child for child in model.children() if child is not base] if base is not model else []
        last = next(reversed(getattr(getattr(base, "encoder", None), "layer", None) or [None]))
        if hasattr(last, "intermediate") and hasattr(getattr(last, "attention", None), "output") and _is_plain(last):
            places.append(last.attention.output)
        for module in {id(module): module for module in [*places, model.get_output_embeddings()]}.values():
            module.register_forward_pre_hook(self._keep)
        model.register_forward_pre_hook(self._see_shape, with_kwargs=True)

    def _see_shape(self, module: torch.nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        ids_BL = named["decoder_input_ids"] if "decoder_input_ids" in named else named["input_ids"]
        self.shape_BL = ids_BL.shape

    def _keep(self, module: torch.nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if self.positions_N is None or not inputs or not isinstance(inputs[0], torch.Tensor) or inputs[0].ndim != 3:
            return None
        if inputs[0].shape[:2] != self.shape_BL:  # Longformer: sequences are longer inside than outside
            return None
        positions_N, shape, self.positions_N = self.positions_N, inputs[0].shape, None
        return tuple(
            value.reshape(1, -1, shape[-1]).index_select(1, positions_N)
            if isinstance(value, torch.Tensor) and value.shape == shape
            else value
            for value in inputs
        )


def _is_plain(layer: Any) -> bool:
    """Whether nothing but dense layers, which take each position by itself, follows its attention.

    Not so in MobileBERT, which adds the layer's own input at its end, nor in X-MOD with an adapter per language.
    """
    after = {name for name, _ in layer.output.named_children()}
    return after <= {"dense", "LayerNorm", "dropout"} and not hasattr(layer, "bottleneck")


class LanguageModelTrainer(ExactTrainer):
    """Trains on an objective's `Batches`; evaluates cross-entropy per labelled token, and bits per byte of text."""

    loss_is_scaled_for_ga = True

    def __init__(
        self,
        model: PreTrainedModel,
        config: ModelConfig,
        setup: Setup,
        batches: Batches[Any],
        held_out: Batches[Any] | None = None,
        evaluation_sequences: int = 0,
        start: Path | None = None,
        mixture: Mixture | None = None,
    ):
        rows, read = (mixture.rows, mixture.reading(batches.read)) if mixture else (batches.rows, batches.read)
        samples = Samples(rows, read, setup.seed, setup.steps * setup.batch_size)
        super().__init__(model, config, setup, samples, batches.collate, start)
        self.rows = LabelledRows(self.model)
        """What drops the unlabelled positions of the network that is trained."""
        self.z_loss = config.z_loss
        self.held_out, self.evaluation_sequences = held_out, evaluation_sequences

    def _get_num_items_in_batch(self, batch_samples: list[dict[str, torch.Tensor]], device: torch.device) -> Any:
        count = torch.tensor(sum(batch["labels"].numel() for batch in batch_samples), device=device)
        if self.args.world_size > 1:
            torch.distributed.all_reduce(count)
        return count.clamp(min=1)  # masked text of nothing but unknown tokens has no labels

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Sum of the cross-entropies over the labels of the whole step; DDP's mean over processes is undone.

        z-loss: PaLM, arXiv:2204.02311, section 5.
        """
        logits_NV, labels_N = self._logits(model, inputs)
        total = cross_entropy(logits_NV, labels_N, reduction="sum")
        if self.z_loss:
            total = total + self.z_loss * logits_NV.logsumexp(-1).square().sum()
        return total * (self.args.world_size / num_items_in_batch)

    def _logits(
        self, model: torch.nn.Module, inputs: dict[str, torch.Tensor], rows: LabelledRows | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Of the labelled positions alone, in float32 (N × V), and their labels (N).

        rows: what drops the unlabelled positions of `model`, where that is not the network that is trained.
        """
        inputs, rows = dict(inputs), rows or self.rows
        labels_N = inputs.pop("labels")
        rows.positions_N = inputs.pop("label_positions", None)
        try:
            logits = model(**inputs).logits
        finally:
            rows.positions_N = None
        return logits.reshape(-1, logits.shape[-1]).float(), labels_N

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        metrics = self.held_out_metrics()
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def average_metrics(self) -> dict[str, float]:
        """The held-out metrics of the averaged weights, if there are any."""
        if self.average is None or not self.setup.evaluation_steps:
            return {}
        with self.average.in_place():
            return self.held_out_metrics()

    def held_out_metrics(self) -> dict[str, float]:
        """Cross-entropy on the held-out sequences: {"eval_loss", "eval_bits_per_byte"}, the same for any batch size."""
        assert self.held_out is not None
        stream = self.held_out.stream
        count = min(self.evaluation_sequences, self.held_out.rows)
        chosen = np.linspace(0, self.held_out.rows - 1, count).round().astype(int)
        mine = chosen[self.args.process_index :: self.args.world_size]
        sums = torch.zeros(2, dtype=torch.float64, device=self.args.device)
        self.model.eval()
        for begin in range(0, len(mine), self.args.per_device_train_batch_size):
            rows = mine[begin : begin + self.args.per_device_train_batch_size]
            batch = self.held_out.collate([self.held_out.read(int(row), 0, int(row)) for row in rows])
            with torch.no_grad(), self.compute_loss_context_manager(), self.accelerator.autocast():
                logits_NV, labels_N = self._logits(self.model, self._prepare_inputs(batch))
                total = cross_entropy(logits_NV, labels_N, reduction="sum").item()
            sums += torch.tensor([total, labels_N.numel()], dtype=torch.float64, device=self.args.device)
            self.control = self.callback_handler.on_prediction_step(self.args, self.state, self.control)
        self.model.train()
        if self.args.world_size > 1:
            torch.distributed.all_reduce(sums)
        loss = (sums[0] / sums[1]).item()
        bits = loss / math.log(2) * stream.tokens / max(stream.bytes, 1)
        return {"eval_loss": loss, "eval_bits_per_byte": bits}

    def evaluate_sources(self, model: Any) -> dict[str, dict[str, float]]:
        """Name → {"validation_loss", "bits_per_byte"} of each source of the held-out text, by a network that need not
        be the one trained (the best one). Together they read about as many sequences as one evaluation. In one
        process alone: nothing is exchanged with others.
        """
        held_out = self.held_out
        spans = held_out.stream.sources if held_out is not None and held_out.rows else ()
        if held_out is None or not spans:
            return {}
        trained = self.accelerator.unwrap_model(self.model)
        model = model.to(self.args.device).eval()
        rows = self.rows if model is trained else LabelledRows(model)
        found = {}
        for span in spans:
            first, last = -(-span.begin // held_out.stride), min(-(-span.end // held_out.stride), held_out.rows) - 1
            count = min(max(1, self.evaluation_sequences // len(spans)), last - first + 1)
            if count < 1:
                continue  # less than a sequence
            total, labels = 0.0, 0
            for row in np.linspace(first, last, count).round().astype(int).tolist():
                batch = held_out.collate([held_out.read(row, 0, row)])
                with torch.no_grad(), self.compute_loss_context_manager(), self.accelerator.autocast():
                    logits_NV, labels_N = self._logits(model, self._prepare_inputs(batch), rows)
                    one = cross_entropy(logits_NV, labels_N, reduction="sum")
                total, labels = total + one.item(), labels + labels_N.numel()
            if labels:
                loss = total / labels
                bits = loss / math.log(2) * span.tokens / max(span.bytes, 1)
                found[span.name] = {"validation_loss": loss, "bits_per_byte": bits}
        return found
