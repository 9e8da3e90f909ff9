"""Training on a task: the shared exact trainer, with the learner's loss and the metric that is reported."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from snakelm.finetune.batching import grouped_order
from snakelm.finetune.depth import freeze, parameter_groups
from snakelm.finetune.predict import predict
from snakelm.tasks.features import Features
from snakelm.tasks.learner import Learner
from snakelm.training import optimizers, schedule
from snakelm.training.sampling import generator
from snakelm.training.trainer import ExactTrainer, Setup

if TYPE_CHECKING:
    from pandas import DataFrame

MAIN = "eval_main"


class LengthGroupedSamples:
    """The samples of a whole run in `grouped_order`, one epoch after another; `samples[i]` for any i ≥ 0."""

    def __init__(self, learner: Learner[Any], features: Features, batch_size: int, seed: int, length: int):
        self.learner, self.features = learner, features
        self.batch_size, self.seed, self.length = batch_size, seed, length
        self.rows = len(features)
        self._lengths = features.lengths()
        self._order = functools.lru_cache(maxsize=2)(self._epoch)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, sample: int) -> dict[str, Any]:
        epoch, position = divmod(sample, self.rows)
        item = self.features[int(self._order(epoch)[position])]
        return self.learner.vary(item, generator(self.seed, 1, epoch, position))

    def _epoch(self, epoch: int) -> Any:
        return grouped_order(self._lengths, self.batch_size, self.seed, epoch)


class TaskTrainer(ExactTrainer):
    """ExactTrainer with a learner's loss (its mean over the labels of an update); evaluates by the task's metric."""

    loss_is_scaled_for_ga = True

    def __init__(
        self,
        learner: Learner[Any],
        model: Any,
        setup: Setup,
        samples: Any,
        validation: tuple[Features, DataFrame] | None,
    ):
        self.learner, self.validation = learner, validation
        super().__init__(model, learner.task, setup, samples, learner.collate)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        if self.optimizer is None and self.config.optimizer == "adamw":
            self.optimizer = optimizers.adamw(self.parameter_groups(), self.config)
        made: torch.optim.Optimizer = super().create_optimizer(model)
        return made

    def parameter_groups(self) -> list[dict[str, Any]]:
        return parameter_groups(self.model, self.learner.task)

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: torch.device) -> torch.Tensor:
        items = torch.tensor(float(sum(self.learner.items(batch) for batch in batch_samples)), device=device)
        # Processes average their gradients, so each divides by the mean number of items.
        return self.accelerator.reduce(items, "mean") if self.args.world_size > 1 else items

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        answer = self.learner.forward(model, inputs)
        return self.learner.loss(answer, inputs) / num_items_in_batch.clamp(min=1)

    def evaluate(self, *arguments: Any, **keywords: Any) -> dict[str, float]:
        assert self.validation is not None, "evaluations are only asked for where there are validation rows"
        features, frame = self.validation
        table, loss = predict(self.learner, self.model, features, frame, "validating")
        task, labels = self.learner.task, self.learner.data.labels
        table = task.decide(table, labels, task.tuned(table, labels))
        scores = task.metrics.score(table)
        main = scores[task.metrics.main(scores, task.metric)]
        logs = {"eval_loss": loss, MAIN: main, **{f"eval_{name}": value for name, value in scores.items()}}
        self.log(logs)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, logs)
        return logs


def fine_tune(
    learner: Learner[Any],
    model: Any,
    train: Features,
    validation: tuple[Features, DataFrame] | None,
    seed: int,
    work: Path,
) -> tuple[Any, list[dict[str, Any]]]:
    """Train the model on the features; returns it with the weights to keep, and the curve (one dict per log line).

    Resumes from the newest checkpoint in `work`. With a validation split the weights kept are the best by the main
    metric, where the task says so.
    """
    task = learner.task
    steps = task.steps or max(1, math.ceil(task.epochs * len(train) / task.batch_size))
    every = task.evaluation_steps or max(1, math.ceil(len(train) / task.batch_size))
    best = task.keep == "best" and validation is not None
    freeze(model, task.freeze)
    warmup = task.warmup if task.warmup < 1 else task.warmup / steps
    setup = Setup(
        work=work,
        steps=steps,
        batch_size=task.batch_size,
        schedule=lambda step, share: schedule.multiplier(task.schedule, share, warmup),
        seed=seed,
        evaluation_steps=min(every, steps) if validation is not None else 0,
        logging_steps=max(1, min(50, every)),
        metric=MAIN if best else None,
        greater_is_better=task.greater_is_better(),
    )
    samples = LengthGroupedSamples(learner, train, task.batch_size, seed, steps * task.batch_size)
    trainer = TaskTrainer(learner, model, setup, samples, validation)
    trainer.run()
    if trainer.average is not None:
        trainer.average.put_in_place()
    if best and trainer.best is not None:
        from safetensors.torch import load_model

        load_model(model, trainer.best / "model.safetensors", strict=False)
    return model, curve(trainer.state.log_history, len(train) / task.batch_size)


def curve(history: list[dict[str, Any]], steps_per_epoch: float) -> list[dict[str, Any]]:
    """Step, epoch, training loss, validation loss and validation metric, one row per step at which one was taken."""
    rows: dict[int, dict[str, Any]] = {}
    for entry in history:
        row = rows.setdefault(entry["step"], {"step": entry["step"], "epoch": entry["step"] / steps_per_epoch})
        for name, column in (("loss", "loss"), ("eval_loss", "validation_loss"), (MAIN, "validation_metric")):
            if entry.get(name) is not None:
                row[column] = entry[name]
    return [rows[step] for step in sorted(rows) if len(rows[step]) > 2]
