"""Pretrain one model: from token ids to a folder that AutoModelFor… loads.

What the run holds: the model (config.json, model.safetensors) and its tokenizer's files; `curve.tsv` (step, tokens,
loss, validation loss, bits per byte, learning rate); `samples.txt`; `best/` where the lowest validation loss was not
the last one (with keep: best the model is the best, and the last weights are in `last/`). Circumstance: `speed.tsv`
and what trackers wrote. A run with schedule: trunk holds `checkpoint/` instead of a model, for others to go on from.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from snakelm.core.console import log
from snakelm.core.errors import UserError
from snakelm.execution import threads
from snakelm.execution.devices import claimed
from snakelm.pretrain.config import ModelConfig
from snakelm.runs.context import RunContext
from snakelm.training.schedule import multiplier

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from snakelm.training.trainer import Settings

ENDLESS = 10**9
"""Upper bound of the steps where the budget is in minutes."""
MANY_EPOCHS = 100
DIVERGED = 1.5
"""A loss this many times the first one, and 1 more, is not noise."""


def pretrain(context: RunContext[ModelConfig]) -> dict[str, Any]:
    """Parents: encoded (an encode_corpus run), tokenizer, and trunk (a run to go on from) where there is one.

    Returns losses, bits per byte, tokens, steps, parameters. Resumes from the newest whole checkpoint in context.work.
    Raises SystemExit(128 + signal) after saving when a signal asks it to stop, and UserError for whatever the user
    has to change.
    """
    with claimed(context.config.gpus) as gpus:
        processes = context.config.processes or max(1, gpus)
        if processes == 1:
            return train(context)
        if context.config.global_batch % processes:
            raise UserError(
                f"{context.name}: batch_size {context.config.global_batch} cannot be shared equally by"
                f" {processes} processes"
            )
        from snakelm.pretrain.worker import train_together

        return train_together(context, processes)


def train(context: RunContext[ModelConfig]) -> dict[str, Any]:
    """One process's part of the run; the first process writes the artifacts."""
    began = time.monotonic()
    threads.set_up(context.threads)
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    from snakelm.execution import trackers
    from snakelm.pretrain import objectives
    from snakelm.pretrain.results import write_results
    from snakelm.pretrain.start import require_fit, starting_model
    from snakelm.pretrain.stream import TokenStream
    from snakelm.pretrain.trainer import LanguageModelTrainer
    from snakelm.training.samples import Samples

    config = context.config
    tokenizer = transformers.AutoTokenizer.from_pretrained(context.parents["tokenizer"])
    stream = TokenStream(context.parents["encoded"], "train")
    held_out = TokenStream(context.parents["encoded"], "validation")
    model = starting_model(config, tokenizer)
    if (rows := model.get_input_embeddings().weight.shape[0]) < stream.vocab_size:
        raise UserError(f"{context.name}: the encoded text has {stream.vocab_size} token ids, the model {rows}")
    use_cache = getattr(model.config, "use_cache", None)
    if use_cache is not None:
        model.config.use_cache = False

    rows = objectives.training(config, tokenizer, stream, None).rows
    if rows == 0:
        raise UserError(
            f"{context.name}: the corpus has {stream.tokens:,} tokens, fewer than one sequence of"
            f" {config.sequence_length}; shorten sequence_length or give more text"
        )
    steps = total_steps(config, rows)
    objective = objectives.training(config, tokenizer, stream, steps * config.global_batch)
    evaluated = objectives.evaluation(config, tokenizer, held_out)
    for each in (objective, evaluated):
        each.start = getattr(model.config, "decoder_start_token_id", None) or 0
    for each in (objective, evaluated) if evaluated.rows else (objective,):
        require_fit(model, each)
    _say_what_is_trained(context, model, rows, steps, evaluated.rows)
    with trackers.reporting(config.trackers, context.work / "trackers", context.name):
        trainer = LanguageModelTrainer(
            model,
            settings(context, steps, has_evaluation=evaluated.rows > 0),
            Samples(rows, objective.read, config.seed, steps * config.global_batch),
            objective.collate,
            start=context.parents["trunk"] / "checkpoint" if "trunk" in context.parents else None,
            held_out=evaluated,
            evaluation_sequences=config.evaluation_sequences,
        )
        trainer.run()
    if use_cache is not None:
        model.config.use_cache = use_cache
    if not trainer.is_world_process_zero():
        return {}
    return write_results(context, trainer, tokenizer, held_out if held_out.tokens else stream, time.monotonic() - began)


def total_steps(config: ModelConfig, rows: int) -> int:
    """Optimizer steps that the budget buys, at least 1."""
    if config.minutes is not None:
        return ENDLESS
    if config.epochs is not None:
        return max(1, math.ceil(config.epochs * rows / config.global_batch))
    return config.planned_steps or 1


def settings(context: RunContext[ModelConfig], steps: int, has_evaluation: bool) -> Settings:
    from snakelm.training.trainer import Settings

    config = context.config
    if not has_evaluation and (config.keep == "best" or config.patience is not None):
        raise UserError(
            f"{context.name}: keep: best and patience need a validation split, and the corpus holds none out"
        )
    trunk = config.schedule == "trunk" or config.trunk_every is not None
    if config.evaluation_steps is not None or not has_evaluation:
        every = config.evaluation_steps or 0
    elif config.minutes is not None:
        every = 200
    else:
        every = config.trunk_every or max(1, steps // 10)
    return Settings(
        work=context.work,
        steps=steps,
        batch_size=config.global_batch,
        micro_batch_size=config.micro_batch_size,
        learning_rate=config.learning_rate,
        schedule=_schedule(config, steps),
        schedule_by_step=config.minutes is None,
        seed=config.seed,
        minutes=config.minutes,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        diverged=DIVERGED,
        adam_betas=(config.adam_beta1, config.adam_beta2),
        precision=config.precision,
        compile=config.compile,
        evaluation_steps=every if has_evaluation else 0,
        logging_steps=10 if trunk else max(1, min(10, steps // 20)),
        best_metric=None if trunk else "eval_loss",
        patience=config.patience,
        checkpoint_steps=config.checkpoint_steps,
        checkpoint_minutes=config.checkpoint_minutes,
        keep_checkpoints=config.keep_checkpoints,
        trackers=config.trackers,
        run_name=context.name,
        data_workers=config.data_workers,
        arguments=config.training_arguments,
    )


def _schedule(config: ModelConfig, steps: int) -> Any:
    """Step → factor; with a budget in minutes, share of the time → factor, and a warm-up in steps is taken as 5 %."""
    name = "constant" if config.schedule == "trunk" else config.schedule
    shape = {"decay": config.decay, "floor": config.learning_rate_floor}
    if config.minutes is not None:
        warmup = config.warmup if config.warmup < 1 else 0.05
        return lambda share: multiplier(name, share, warmup, **shape)
    warmup = config.warmup if config.warmup >= 1 else config.warmup * steps
    return lambda step: multiplier(name, step, warmup, total=steps, **shape)


def _say_what_is_trained(
    context: RunContext[ModelConfig], model: PreTrainedModel, rows: int, steps: int, held_out: int
) -> None:
    config = context.config
    budget = f"{steps:,} steps" if config.minutes is None else f"{config.minutes:g} minutes"
    log.info(f"{config.architecture} with {model.num_parameters():,} parameters, {config.objective}, {budget}")
    if config.minutes is None:
        epochs = steps * config.global_batch / rows
        tokens = f"{steps * config.global_batch * config.sequence_length:,} tokens"
        say = log.warning if epochs > MANY_EPOCHS else log.info
        say(f"{tokens}: the budget reads the text {epochs:.2f} times")
    if not held_out:
        log.warning("no validation split of at least one sequence: no validation loss, no best model")
