"""A run with a network: features, training at each grid point, the best by validation, one look at the test."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from snakelm.architectures.names import Network
from snakelm.artifacts import records
from snakelm.core.console import log
from snakelm.core.errors import UserError
from snakelm.execution.devices import claimed
from snakelm.finetune.cache import shared
from snakelm.finetune.config import FinetuneConfig
from snakelm.finetune.predict import predict
from snakelm.finetune.results import PREDICTOR, Fitted, Result
from snakelm.finetune.train import fine_tune
from snakelm.finetune.weights import (
    load_config,
    load_model,
    load_tokenizer,
    longest_input,
    network_kind,
    network_of,
    set_inputs,
)
from snakelm.runs.context import RunContext
from snakelm.tasks.config import TaskConfig
from snakelm.tasks.data import TaskData
from snakelm.tasks.features import Features
from snakelm.tasks.learner import Learner
from snakelm.training import threads

if TYPE_CHECKING:
    from pandas import DataFrame


def run(context: RunContext[FinetuneConfig], data: TaskData) -> Result:
    """Train and predict; writes the model and its tokenizer into context.out."""
    claim_gpu(context.config.task.gpus)
    set_up(context.threads)
    task, began = context.config.task, time.monotonic()
    source = _source(context)
    tokenizer = load_tokenizer(context.parents["tokenizer"] if source is None else source)
    config = load_config(source, context.config.architecture, tokenizer)
    network = network_of(config)
    set_inputs(tokenizer, network)
    points = task.grid_points()
    if len(points) > 1 and "validation" not in data.splits:
        raise UserError("grid: there are no validation rows to choose by; set validation_fraction or give validation")
    kind = network_kind(network, context.config.architecture)
    if problem := task.check_network(network.model_type, kind):
        raise UserError(problem)
    tried: list[dict[str, Any]] = []
    best: _Tried | None = None
    for number, point in enumerate(points):
        here = task.at(point)
        length = longest_input(network, tokenizer, here.max_length)
        learner, features = _prepared(here, data, tokenizer, length, kind, context.cache)
        work = context.work / f"point-{number}" if len(points) > 1 else context.work
        model, curve = _train(learner, config, source, features, data, context.config.seed, work)
        validation, tuned, score = _validate(learner, model, features, data)
        if len(points) > 1:
            tried.append({**point, "validation": score})
            log.info(f"grid point {number + 1} of {len(points)}: {point} → {score:.4f} on validation")
        if best is None or _better(task, score, best.score):
            best = _Tried(score, learner, model, features, point, validation, tuned, curve)
    assert best is not None  # a grid has a point at least
    learner, model = best.learner, best.model
    test, _ = predict(learner, model, best.features["test"], data.splits["test"], "testing")
    test = learner.task.decide(test, data.labels, best.tuned)
    learner.finish(model)
    _save(model, tokenizer, learner.max_length, context.out)
    facts = {name: getattr(learner, name) for name in learner.facts}
    fitted = Fitted(kind, learner.max_length, data.labels, best.point, facts, best.tuned)
    records.write(context.out / PREDICTOR, fitted)
    context.times |= {"seconds": round(time.monotonic() - began, 2), "device": str(next(model.parameters()).device)}
    return Result(test, best.validation, best.curve, best.point, best.tuned, tried)


@dataclass(frozen=True)
class _Tried:
    """A grid point and what it has come to."""

    score: float
    """The main metric on validation."""
    learner: Learner[Any]
    model: Any
    features: dict[str, Features]
    point: dict[str, Any]
    validation: DataFrame | None
    tuned: dict[str, float]
    curve: list[dict[str, Any]]


def _train(
    learner: Learner[Any],
    config: Any,
    source: Any,
    features: dict[str, Features],
    data: TaskData,
    seed: int,
    work: Path,
) -> tuple[Any, list[dict[str, Any]]]:
    """The trained model and its curve; read back from `work` where an interrupted grid had finished it."""
    model = load_model(learner, config, source, seed)
    done = work / "done"
    if (done / "curve.json").exists():
        from safetensors.torch import load_model as read

        read(model, done / "model.safetensors", strict=False)
        return on_device(model), json.loads((done / "curve.json").read_text())
    if not learner.task.trains:
        return on_device(model), []
    validation = (features["validation"], data.splits["validation"]) if "validation" in features else None
    model, curve = fine_tune(learner, model, features["train"], validation, seed, work)
    from safetensors.torch import save_model

    part = work / "done.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    save_model(model, str(part / "model.safetensors"))
    (part / "curve.json").write_text(json.dumps(curve))
    part.rename(done)
    return model, curve


def on_device(model: Any) -> Any:
    """The model, on the GPU where there is one."""
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


def _validate(
    learner: Learner[Any], model: Any, features: dict[str, Features], data: TaskData
) -> tuple[DataFrame | None, dict[str, float], float]:
    """Predictions for validation, what they were used to tune, and the main metric of them."""
    if "validation" not in features:
        return None, learner.task.tuned(None, data.labels), 0.0
    table, _ = predict(learner, model, features["validation"], data.splits["validation"], "validating")
    tuned, metrics = learner.task.tuned(table, data.labels), learner.task.metrics
    table = learner.task.decide(table, data.labels, tuned)
    scores = metrics.score(table)
    return table, tuned, scores[metrics.main(scores, learner.task.metric)]


def _better(task: TaskConfig, score: float, than: float) -> bool:
    return (score > than) == task.greater_is_better() and score != than


def _source(context: RunContext[FinetuneConfig]) -> Path | str | None:
    """Where the weights come from; None for random ones."""
    match context.config.init:
        case "pretrained":
            return context.parents["pretrained"]
        case "random":
            return None
        case name:
            return name


def _prepared(
    task: TaskConfig, data: TaskData, tokenizer: Any, max_length: int, network: Network, cache: Path | None
) -> tuple[Learner[Any], dict[str, Features]]:
    """The learner and the features of all splits, made once per (task, tokenizer): kept in the process, and in
    `cache`."""
    learner = task.learner()(task, data, tokenizer, max_length, network)
    parts = [data.content, data.labels, task.feature_keys(), max_length, network, _digest(tokenizer), *_versions()]
    key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    if key not in _made:
        if len(_made) > 3:
            _made.clear()
        _made[key] = shared(
            cache, key, lambda: {split: learner.features(frame, split) for split, frame in data.splits.items()}
        )
        for split, features in _made[key].items():
            if features.remark:
                log.warning(f"{split}: {features.remark}")
    return learner, _made[key]


_made: dict[str, dict[str, Features]] = {}


def _digest(tokenizer: Any) -> str:
    """What the tokenizer does, as a hash of its whole definition."""
    settings = [tokenizer.model_input_names, tokenizer.padding_side, str(tokenizer.special_tokens_map)]
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    return hashlib.sha256((tokenizer.backend_tokenizer.to_str() + json.dumps(settings)).encode()).hexdigest()


def _versions() -> list[str]:
    """Of the libraries that turn text into tokens."""
    import tokenizers
    import transformers

    return [tokenizers.__version__, transformers.__version__]


def _save(model: Any, tokenizer: Any, max_length: int, out: Path) -> None:
    """The model and the tokenizer as they are to be used together: no padding or truncation left switched on."""
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.model_max_length = max_length
    for config in (model.config, getattr(model, "generation_config", None)):
        if config is not None and hasattr(config, "_name_or_path"):
            config._name_or_path = ""
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


@functools.cache
def claim_gpu(gpus: int | None) -> None:
    """Once per process, before torch looks: the seeds of a job stay on one GPU, given back when the process ends."""
    _held.enter_context(claimed(gpus))


_held = contextlib.ExitStack()


@functools.cache
def set_up(granted: int) -> None:
    """Once per process: as many threads as granted, and no chatter of the libraries."""
    import transformers

    threads.set_up(granted)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
