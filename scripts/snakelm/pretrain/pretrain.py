"""Pretrain one model: from token ids to a folder that AutoModelFor… loads.

What the run holds: the model (config.json, model.safetensors) and its tokenizer's files; `curve.tsv` (step, tokens,
loss, validation loss, bits per byte, learning rate); `samples.txt`; `best/` where the lowest validation loss was not
the last one (with keep: best it is the model, and the last weights are in `last/`).
"""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakelm.architectures.build import AUTO_CLASSES, build_model
from snakelm.console import log
from snakelm.errors import UserError
from snakelm.job import Job
from snakelm.pretrain.config import ModelConfig
from snakelm.training.schedule import multiplier

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from snakelm.pretrain.trainer import LanguageModelTrainer

TOKENIZER_FILES = (
    "tokenizer.json tokenizer_config.json special_tokens_map.json added_tokens.json vocab.json vocab.txt merges.txt"
    " chat_template.jinja spiece.model sentencepiece.bpe.model tokenizer.model"
)
ENDLESS = 10**9
"""Upper bound of the steps where the budget is in minutes."""


def pretrain(job: Job[ModelConfig]) -> dict[str, Any]:
    """Parents: encoded (an encode_corpus run), tokenizer. Returns losses, bits per byte, tokens, steps, parameters.

    Resumes from the newest whole checkpoint in job.work. Raises SystemExit(128 + signal) after saving when a signal
    asks it to stop, and UserError for whatever the user has to change.
    """
    return train(job)


def train(job: Job[ModelConfig]) -> dict[str, Any]:
    """One process's part of the run; the first process writes the artifacts."""
    import torch
    import transformers

    torch.set_num_threads(job.threads)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    from snakelm.pretrain import objectives
    from snakelm.pretrain.stream import TokenStream
    from snakelm.pretrain.trainer import LanguageModelTrainer
    from snakelm.training.order import Samples

    config = job.config
    tokenizer = transformers.AutoTokenizer.from_pretrained(job.parents["tokenizer"])
    stream = TokenStream(job.parents["encoded"], "train")
    held_out = TokenStream(job.parents["encoded"], "validation")
    model = starting_model(config, tokenizer)
    use_cache = getattr(model.config, "use_cache", None)
    if use_cache is not None:
        model.config.use_cache = False

    rows = objectives.training(config, tokenizer, stream, None).rows
    if rows == 0:
        raise UserError(
            f"{job.name}: the corpus has {stream.tokens:,} tokens, fewer than one sequence of"
            f" {config.sequence_length}; shorten sequence_length or give more text"
        )
    steps = total_steps(config, rows)
    objective = objectives.training(config, tokenizer, stream, steps * config.global_batch)
    evaluated = objectives.evaluation(config, tokenizer, held_out)
    for each in (objective, evaluated):
        each.start = getattr(model.config, "decoder_start_token_id", None) or 0
    _say_what_is_trained(job, model, rows, steps, evaluated.rows)
    trainer = LanguageModelTrainer(
        model,
        settings(job, steps, has_evaluation=evaluated.rows > 0),
        Samples(rows, objective.read, config.seed, min(steps, ENDLESS) * config.global_batch),
        objective.collate,
        held_out=evaluated,
        evaluation_sequences=config.evaluation_sequences,
    )
    trainer.run()
    if use_cache is not None:
        model.config.use_cache = use_cache
    return write_results(job, trainer, tokenizer)


def starting_model(config: ModelConfig, tokenizer: Any) -> PreTrainedModel:
    """Random weights, or those of `init` with its vocabulary checked against the tokenizer's."""
    import transformers

    if config.init == "scratch":
        return build_model(config, tokenizer, seed=config.seed)
    auto = getattr(transformers, AUTO_CLASSES[config.objective])
    try:
        model = auto.from_pretrained(config.init, dtype="float32")
    except (OSError, ValueError) as error:
        raise UserError(f"init: {config.init} cannot be loaded: {' '.join(str(error).split())[:300]}") from None
    rows = model.get_input_embeddings().weight.shape[0]
    if rows < len(tokenizer):
        raise UserError(f"init: {config.init} has {rows} tokens, the tokenizer {len(tokenizer)}; use its own tokenizer")
    model.config._name_or_path = ""
    return model


def total_steps(config: ModelConfig, rows: int) -> int:
    """Optimizer steps that the budget buys, at least 1."""
    batch = config.global_batch
    if config.steps is not None:
        return config.steps
    if config.tokens is not None:
        return math.ceil(config.tokens / (batch * config.sequence_length))
    if config.epochs is not None:
        return max(1, math.ceil(config.epochs * rows / batch))
    return ENDLESS


def settings(job: Job[ModelConfig], steps: int, has_evaluation: bool) -> Any:
    from snakelm.training.trainer import Settings

    config = job.config
    known = config.minutes is None
    every = config.evaluation_steps or (max(1, steps // 10) if known else 200)
    if not has_evaluation and (config.keep == "best" or config.patience is not None):
        raise UserError(f"{job.name}: keep: best and patience need a validation split, and the corpus holds none out")
    warmup = config.warmup if config.warmup < 1 else config.warmup / steps if known else 0.05
    return Settings(
        work=job.work,
        steps=steps,
        batch_size=config.global_batch,
        micro_batch_size=config.micro_batch_size,
        learning_rate=config.learning_rate,
        schedule=lambda progress: multiplier(
            config.schedule, progress, warmup, config.decay, config.learning_rate_floor
        ),
        seed=config.seed,
        minutes=config.minutes,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        adam_betas=(config.adam_beta1, config.adam_beta2),
        precision=config.precision,
        compile=config.compile,
        evaluation_steps=every if has_evaluation else 0,
        logging_steps=max(1, min(10, steps // 20)),
        patience=config.patience,
        checkpoint_steps=config.checkpoint_steps,
        checkpoint_minutes=config.checkpoint_minutes,
        keep_checkpoints=config.keep_checkpoints,
        trackers=config.trackers,
        data_workers=config.data_workers,
        arguments=config.training_arguments,
    )


def _say_what_is_trained(job: Job[ModelConfig], model: PreTrainedModel, rows: int, steps: int, held_out: int) -> None:
    config = job.config
    batch = config.global_batch
    budget = f"{steps:,} steps" if config.minutes is None else f"{config.minutes:g} minutes"
    log.info(f"{config.architecture} with {model.num_parameters():,} parameters, {config.objective}, {budget}")
    if config.minutes is None:
        epochs = steps * batch / rows
        log.info(f"{steps * batch * config.sequence_length:,} tokens: {epochs:.2f} epochs of the text")
    if not held_out:
        log.warning("no validation split of at least one sequence: no validation loss, no best model")


def write_results(job: Job[ModelConfig], trainer: LanguageModelTrainer, tokenizer: Any) -> dict[str, Any]:
    config, state = job.config, trainer.state
    model = trainer.accelerator.unwrap_model(trainer.model)
    tokens_per_step = config.global_batch * config.sequence_length
    curve = curve_rows(state.log_history, tokens_per_step)
    model.save_pretrained(job.out)
    for name in TOKENIZER_FILES.split():
        if (file := Path(job.parents["tokenizer"]) / name).exists():
            shutil.copyfile(file, job.out / name)
    lines = ["\t".join(CURVE), *("\t".join(_cell(row.get(name)) for name in CURVE) for row in curve)]
    (job.out / "curve.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    losses = [row["loss"] for row in curve if row.get("loss") is not None]
    validation = [row for row in curve if row.get("validation_loss") is not None]
    headline: dict[str, Any] = {
        "loss": losses[-1] if losses else None,
        "tokens": state.global_step * tokens_per_step,
        "steps": state.global_step,
        "epochs": round(state.global_step * config.global_batch / trainer.train_dataset.rows, 4),
        "parameters": model.num_parameters(),
    }
    if validation:
        headline["validation_loss"] = validation[-1]["validation_loss"]
        headline["perplexity"] = math.exp(min(700.0, validation[-1]["validation_loss"]))
        headline["bits_per_byte"] = validation[-1]["bits_per_byte"]
        headline["best_step"] = state.best_global_step
        headline["best_validation_loss"] = state.best_metric
    job.times["seconds_training"] = round(trainer.seconds, 1)
    job.times["tokens_per_second"] = round(headline["tokens"] / max(trainer.seconds, 1e-9), 1)
    return headline


CURVE = ("step", "tokens", "loss", "validation_loss", "bits_per_byte", "learning_rate")


def curve_rows(history: list[dict[str, float]], tokens_per_step: int) -> list[dict[str, float]]:
    """The Trainer's log as one row per step that was logged, with reproducible columns only."""
    names = {"loss": "loss", "learning_rate": "learning_rate"}
    names |= {"eval_loss": "validation_loss", "eval_bits_per_byte": "bits_per_byte"}
    rows: dict[int, dict[str, float]] = {}
    for entry in history:
        row = rows.setdefault(entry["step"], {"step": entry["step"], "tokens": entry["step"] * tokens_per_step})
        row |= {ours: entry[theirs] for theirs, ours in names.items() if theirs in entry}
    return [rows[step] for step in sorted(rows) if len(rows[step]) > 2]


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
