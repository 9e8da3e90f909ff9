"""One process's part of a pretraining: model, batches and schedule are put together and handed to the trainer."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from snakelm.core.console import log
from snakelm.core.errors import UserError
from snakelm.pretrain.config import ModelConfig
from snakelm.pretrain.evaluations import Evaluations, evaluations
from snakelm.runs.context import RunContext
from snakelm.training import threads
from snakelm.training.schedule import multiplier

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from snakelm.training.trainer import Setup

ENDLESS = 10**9
"""Upper bound of the steps where the budget is in minutes."""
MANY_EPOCHS = 100
DIVERGED = 1.5
"""A loss this many times the first one, and 1 more, is not noise."""


def train(context: RunContext[ModelConfig]) -> dict[str, Any]:
    """Train; the first process writes the artifacts and returns the headline numbers, others return none."""
    began = time.monotonic()
    threads.set_up(context.threads)
    from transformers.utils import logging

    quiet: Any = logging  # its functions are untyped
    quiet.set_verbosity_error()
    quiet.disable_progress_bar()
    from snakelm.architectures.build import known_tokens
    from snakelm.execution import trackers
    from snakelm.pretrain.mixture import Mixture
    from snakelm.pretrain.results import write_results
    from snakelm.pretrain.start import require_fit, starting_model
    from snakelm.pretrain.stream import TokenStream
    from snakelm.pretrain.trainer import LanguageModelTrainer
    from snakelm.tokenization.outside import read_tokenizer

    config = context.config
    tokenizer = read_tokenizer(context.parents["tokenizer"])
    stream = TokenStream(context.parents["encoded"], "train")
    held_out = TokenStream(context.parents["encoded"], "validation")
    model = starting_model(config, tokenizer, context.parents.get("init"))
    if (rows := known_tokens(model)) < stream.vocab_size:
        raise UserError(f"{context.name}: the encoded text has {stream.vocab_size} token ids, the model {rows}")
    use_cache = getattr(model.config, "use_cache", None)
    if use_cache is not None:
        model.config.use_cache = False

    rows = config.batches(tokenizer, stream).rows
    if rows == 0:
        raise UserError(
            f"{context.name}: the corpus has {stream.tokens:,} tokens, fewer than one sequence of"
            f" {config.sequence_length}; shorten sequence_length or give more text"
        )
    mixture = None
    if config.mixture is not None:
        if not stream.sources:
            raise UserError(f"{context.name}: mixture: the corpus has no named sources; list them under its `sources`")
        stride = config.batches(tokenizer, stream).stride
        mixture = Mixture(config.mixture, stream.sources, rows, stride, config.seed)
        rows = mixture.rows
        log.info("sequences of an epoch: %s", ", ".join(f"{name} {count:,}" for name, count in mixture.places.items()))
    steps = total_steps(config, rows)
    batches = config.batches(tokenizer, stream, steps * config.global_batch)
    validation = config.for_evaluation().batches(tokenizer, held_out)
    for each in (batches, validation):
        each.meet(model.config)
    for each in (batches, validation) if validation.rows else (batches,):
        require_fit(model, each)
    evaluated = evaluations(config, steps, validation.rows) if validation.rows else None
    _say_what_is_trained(context, model, rows, steps, evaluated)
    with trackers.reporting(config.trackers, context.work / "trackers", context.name):
        trainer = LanguageModelTrainer(
            model,
            config,
            setup(context, steps, evaluated),
            batches,
            held_out=validation,
            evaluation_sequences=evaluated.sequences if evaluated else 0,
            start=context.parents["trunk"] / "checkpoint" if "trunk" in context.parents else None,
            mixture=mixture,
        )
        trainer.run()
        average = trainer.average_metrics()
    if use_cache is not None:
        model.config.use_cache = use_cache
    if not trainer.is_world_process_zero():
        return {}
    text = held_out if held_out.tokens else stream
    return write_results(context, trainer, tokenizer, text, average, time.monotonic() - began)


def total_steps(config: ModelConfig, rows: int) -> int:
    """Optimizer steps that the budget buys, at least 1."""
    if config.minutes is not None:
        return ENDLESS
    if config.epochs is not None:
        return max(1, math.ceil(config.epochs * rows / config.global_batch))
    return config.planned_steps or 1


def setup(context: RunContext[ModelConfig], steps: int, evaluated: Evaluations | None) -> Setup:
    """What follows from config and text for the trainer; `evaluated` is None without a validation split."""
    from snakelm.training.trainer import Setup

    config = context.config
    if evaluated is None and (config.keep == "best" or config.patience is not None):
        raise UserError(
            f"{context.name}: keep: best and patience need a validation split, and the corpus holds none out"
        )
    trunk = config.schedule == "trunk" or config.trunk_every is not None
    return Setup(
        work=context.work,
        name=context.name,
        steps=steps,
        minutes=config.minutes,
        batch_size=config.global_batch,
        schedule=_schedule(config, steps),
        seed=config.seed,
        evaluation_steps=evaluated.every if evaluated else 0,
        logging_steps=10 if trunk else max(1, min(10, steps // 20)),
        metric=None if trunk else "eval_loss",
        diverged=DIVERGED,
        arguments={
            "torch_compile": config.compile,
            "report_to": list(config.trackers) or "none",
            **config.training_arguments,
        },
    )


def _schedule(config: ModelConfig, steps: int) -> Callable[[int, float], float]:
    """By steps; with a budget in minutes by the share of the time, and a warm-up in steps is taken as 5 %."""
    name = "constant" if config.schedule == "trunk" else config.schedule
    decay, floor = config.decay, config.learning_rate_floor
    if config.minutes is not None:
        warmup = config.warmup if config.warmup < 1 else 0.05
        return lambda step, share: multiplier(name, share, warmup, decay, floor)
    warmup = config.warmup if config.warmup >= 1 else config.warmup * steps
    return lambda step, share: multiplier(name, step, warmup, decay, floor, total=steps)


def _say_what_is_trained(
    context: RunContext[ModelConfig], model: PreTrainedModel, rows: int, steps: int, evaluated: Evaluations | None
) -> None:
    config = context.config
    budget = f"{steps:,} steps" if config.minutes is None else f"{config.minutes:g} minutes"
    log.info(f"{config.architecture} with {model.num_parameters():,} parameters, {config.objective}, {budget}")
    if config.minutes is None:
        epochs = steps * config.global_batch / rows
        tokens = f"{steps * config.global_batch * config.sequence_length:,} tokens"
        say = log.warning if epochs > MANY_EPOCHS else log.info
        say(f"{tokens}: {f'{epochs:,.0f}' if epochs >= 100 else f'{epochs:.3g}'} epochs over the corpus")
    if evaluated:
        log.info(f"evaluated every {evaluated.every:,} steps on {evaluated.sequences:,} sequences")
    else:
        log.warning("no validation split of at least one sequence: no validation loss, no best model")
