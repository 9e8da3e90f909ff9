"""What a pretraining run holds in the end: model, tokenizer, curve, samples, and the figures of its headline."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

from snakelm.core.errors import UserError
from snakelm.execution import cost
from snakelm.pretrain.config import ModelConfig
from snakelm.pretrain.samples import write_samples
from snakelm.pretrain.stream import TokenStream
from snakelm.pretrain.trainer import LanguageModelTrainer
from snakelm.runs.context import RunContext
from snakelm.training import checkpoints
from snakelm.training.trainer import STATE, ExactTrainer

TOKENIZER_FILES = (
    "tokenizer.json tokenizer_config.json special_tokens_map.json added_tokens.json vocab.json vocab.txt merges.txt"
    " chat_template.jinja spiece.model sentencepiece.bpe.model tokenizer.model"
)
CURVE = ("step", "tokens", "loss", "validation_loss", "bits_per_byte", "learning_rate")


def write_results(
    context: RunContext[ModelConfig],
    trainer: LanguageModelTrainer,
    tokenizer: Any,
    text: TokenStream,
    average: dict[str, float],
    seconds_here: float,
) -> dict[str, Any]:
    """Write the artifacts into context.out and the cost into context.times; returns the headline numbers.

    average: the held-out metrics of the averaged weights, {} if there are none.
    """
    config, state = context.config, trainer.state
    tokens_per_step = config.global_batch * config.sequence_length
    curve = curve_rows(state.log_history, tokens_per_step)
    by_source: dict[str, dict[str, float]] = {}
    if config.schedule == "trunk":
        _hand_over_checkpoint(context, state.global_step)
    else:
        model = _write_models(context, trainer)
        for name in TOKENIZER_FILES.split():
            if (file := Path(context.parents["tokenizer"]) / name).exists():
                shutil.copyfile(file, context.out / name)
        by_source = trainer.evaluate_sources(model)
        (context.out / "samples.txt").write_text(write_samples(model, tokenizer, config, text), encoding="utf-8")
    lines = ["\t".join(CURVE), *("\t".join(_cell(row.get(name)) for name in CURVE) for row in curve)]
    (context.out / "curve.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _keep_circumstance(context)
    headline = _headline(context, trainer, curve, average, tokens_per_step)
    if by_source:
        headline["validation_by_source"] = by_source
    tokens_here = headline["tokens"] - trainer.first_step * tokens_per_step  # a trunk's are not this run's work
    flops = 6 * trainer.model.num_parameters(exclude_embeddings=True) * tokens_here
    context.times.update(cost.cost(trainer.seconds, context.threads, tokens_here, flops))
    context.times["seconds_in_this_attempt"] = round(seconds_here, 1)
    return headline


def curve_rows(history: list[dict[str, float]], tokens_per_step: int) -> list[dict[str, float]]:
    """The Trainer's log as one row per step that was logged, with reproducible columns only."""
    names = {"loss": "loss", "learning_rate": "learning_rate"}
    names |= {"eval_loss": "validation_loss", "eval_bits_per_byte": "bits_per_byte"}
    rows: dict[float, dict[str, float]] = {}
    for entry in history:
        row = rows.setdefault(entry["step"], {"step": entry["step"], "tokens": entry["step"] * tokens_per_step})
        row |= {ours: entry[theirs] for theirs, ours in names.items() if theirs in entry}
    return [rows[step] for step in sorted(rows) if len(rows[step]) > 2]


def _write_models(context: RunContext[ModelConfig], trainer: ExactTrainer) -> Any:
    """The kept weights at the root; the others of best, last and average beside, where they differ."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    if trainer.average is not None:
        if context.config.keep == "average":
            model.save_pretrained(context.out / "last")
            trainer.average.put_in_place()
        else:
            with trainer.average.in_place():
                model.save_pretrained(context.out / "average")
    best = trainer.best if trainer.state.best_global_step != trainer.state.global_step else None
    if best is not None and context.config.keep == "best":
        model.save_pretrained(context.out / "last")
        model = type(model).from_pretrained(best, use_safetensors=True)
        if "use_cache" in model.config.to_dict():
            model.config.use_cache = trainer.model.config.use_cache
    elif best is not None:
        shutil.copytree(best, context.out / "best", ignore=shutil.ignore_patterns(checkpoints.CHECKSUMS))
    model.save_pretrained(context.out)
    return model


def _hand_over_checkpoint(context: RunContext[ModelConfig], step: int) -> None:
    """The last checkpoint as the run's content: whole, for other runs to go on from, and the same on every machine."""
    last = checkpoints.newest_whole(context.work)
    if last is None or checkpoints.step_of(last) != step:
        raise UserError(
            f"{context.name}: the checkpoint of step {step} that was just written is damaged; check the disk"
        )

    def fill(folder: Path) -> None:
        shutil.copytree(last, folder, ignore=shutil.ignore_patterns(checkpoints.CHECKSUMS), dirs_exist_ok=True)
        state = json.loads((last / STATE).read_text())
        (folder / STATE).write_text(json.dumps(state | {"seconds": 0.0, "first_step": 0, "ended": False}))

    checkpoints.write(context.out / "checkpoint", fill)


def _keep_circumstance(context: RunContext[ModelConfig]) -> None:
    kept = context.out / "circumstance"
    kept.mkdir(exist_ok=True)
    if (speed := context.work / "speed.tsv").exists():
        shutil.copyfile(speed, kept / "speed.tsv")
    if (trackers := context.work / "trackers").is_dir():
        shutil.copytree(trackers, kept / "trackers", symlinks=True, dirs_exist_ok=True)


def _headline(
    context: RunContext[ModelConfig],
    trainer: ExactTrainer,
    curve: list[dict[str, float]],
    average: dict[str, float],
    tokens_per_step: int,
) -> dict[str, Any]:
    state = trainer.state
    losses = [row["loss"] for row in curve if "loss" in row]
    headline: dict[str, Any] = {
        "loss": losses[-1] if losses else None,
        "tokens": state.global_step * tokens_per_step,
        "steps": state.global_step,
        "epochs": round(state.global_step * context.config.global_batch / trainer.samples.rows, 4),
        "parameters": trainer.accelerator.unwrap_model(trainer.model).num_parameters(),
    }
    validation = [row for row in curve if "validation_loss" in row]
    if validation:
        kept = validation[-1]
        if context.config.keep == "best":
            kept = min(validation, key=lambda row: row["validation_loss"])
        headline["validation_loss"] = kept["validation_loss"]
        headline["perplexity"] = math.exp(min(700.0, kept["validation_loss"]))
        headline["bits_per_byte"] = kept["bits_per_byte"]
        if average:
            headline["average_validation_loss"] = average["eval_loss"]
            headline["average_bits_per_byte"] = average["eval_bits_per_byte"]
        if average and context.config.keep == "average":
            headline["validation_loss"], headline["bits_per_byte"] = average["eval_loss"], average["eval_bits_per_byte"]
            headline["perplexity"] = math.exp(min(700.0, average["eval_loss"]))
        headline["best_step"] = state.best_global_step
        headline["best_validation_loss"] = state.best_metric
    return headline


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
