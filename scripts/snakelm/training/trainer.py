"""The Hugging Face Trainer, made exact: the same weights bit for bit however often a run is killed and resumed, as long
as threads, processes, micro-batch and kind of hardware stay the same (else sums are rounded in another order).

What the stock Trainer lacks for that (measured: killed in mid-accumulation and resumed, its weights differ):

- Data: `samples.StepSampler` reads on at sample step × batch, so nothing is skipped, replayed or remembered.
- Randomness: torch is seeded anew before each step from (seed, step, process), so dropout depends on nothing else.
- State: a checkpoint holds model, optimizer, scheduler, the Trainer's state with the whole curve, and the loss summed
  since the last log line; it is written by `checkpoints.write` and checked by checksum when read.
- Signals: training stops between micro-batches. Weights change only at the end of a step, so what is saved is the
  last whole step, whatever the point in the accumulation.
- Memory: when it runs out, the micro-batch is halved at the same global batch, and training goes on from that step.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from torch.utils.data import DataLoader
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from snakelm.core.console import Progress, log
from snakelm.core.errors import UserError, one_line
from snakelm.execution.signals import Interrupted, OutOfMemory, StopRequest
from snakelm.training import checkpoints, optimizers, precision
from snakelm.training.averaging import Average
from snakelm.training.config import TrainingConfig
from snakelm.training.sampling import SampleStream, StepSampler, generator

STATE = "snakelm.json"


@dataclass(frozen=True)
class Setup:
    """What a stage has worked out for one training; all that a user sets is in the TrainingConfig."""

    work: Path
    """Outlives a kill: checkpoints/ and best/ are kept in it."""
    steps: int
    """Optimizer steps in the whole training (an upper bound where `minutes` is set)."""
    batch_size: int
    """Samples per step over all processes and micro-batches."""
    schedule: Callable[[int, float], float]
    """(step, share of the training done, 0 to 1) → factor of the learning rate."""
    seed: int = 0
    minutes: float | None = None
    """Train for so long instead of so many steps."""
    evaluation_steps: int = 0
    """Evaluate every so many steps, and at the end; 0: never."""
    logging_steps: int = 10
    metric: str | None = "eval_loss"
    """The weights with the best value of it are kept apart in work/best; None: no best is kept."""
    greater_is_better: bool = False
    diverged: float | None = None
    """Stop when the loss, averaged between log lines, exceeds this multiple of its first value by 1 or more."""
    name: str | None = None
    """What trackers call the run."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Further TrainingArguments, taken as they are."""


@dataclass(frozen=True)
class Progressed:
    """What a checkpoint says in STATE: how far training had come, beside what the stock Trainer keeps."""

    loss_since_log: float
    last_logged: int
    seconds: float
    """Of training so far, over all attempts."""
    first_step: int
    """The step of another run's checkpoint from which this one went on."""
    ended: bool
    """Whether training had ended, by the clock or for want of a new best."""


class Ended(Exception):
    """An evaluation that was made up for after a resume says that training had ended."""


class ExactTrainer(Trainer):
    """Trains on the samples of the whole run; subclasses give the loss and the evaluation.

    Args:
        collate: list of samples → the model's inputs, without randomness of its own.
        start: a checkpoint folder of another run whose training this one goes on with.
    """

    model: Any
    optimizer: Any
    lr_scheduler: Any
    # transformers declares these as None too, which they are not once training has begun

    def __init__(
        self,
        model: PreTrainedModel,
        config: TrainingConfig,
        setup: Setup,
        samples: SampleStream,
        collate: Callable[[list[Any]], dict[str, torch.Tensor]],
        start: Path | None = None,
    ):
        self.config, self.setup = config, setup
        self.steps = setup.steps
        """The step at which training ends; earlier than planned where a resumed run had ended."""
        self.stop = StopRequest()
        self.seconds_before = self.clock = 0.0
        self._began = time.monotonic()
        self.samples = samples
        self._restored: Progressed | None = None
        self._restored_step = 0
        self._loss_at_step_begin = torch.zeros(())
        self._stepping = self._within_step = False
        self.start = start
        self.first_step = 0
        callback = _Callback(self)
        super().__init__(
            model=model,
            args=training_arguments(config, setup),
            train_dataset=cast(Any, samples),
            eval_dataset=cast(Any, []) if setup.evaluation_steps else None,  # `evaluate` has its own rows
            data_collator=collate,
            callbacks=[callback],
        )
        self.remove_callback(PrinterCallback)
        self.set_micro_batch(config.micro_batch_size or self.share)
        self.average = Average(model, config) if config.averages else None

    # --- sizes ---------------------------------------------------------------------------------------------------

    @property
    def share(self) -> int:
        """Samples of each step that one process computes."""
        if self.setup.batch_size % self.args.world_size:
            raise UserError(
                f"batch_size {self.setup.batch_size} cannot be shared equally by {self.args.world_size} processes"
            )
        return self.setup.batch_size // int(self.args.world_size)

    def set_micro_batch(self, size: int) -> None:
        """Compute each step in forward passes of at most `size` samples."""
        self.micro_batches = math.ceil(self.share / size)
        self.args.gradient_accumulation_steps = self.micro_batches
        self.args.per_device_train_batch_size = math.ceil(self.share / self.micro_batches)
        self._train_batch_size = self.args.per_device_train_batch_size

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of training so far, those before a resume included."""
        return self.seconds_before + time.monotonic() - self._began

    def read_clock(self) -> None:
        """Set `clock`, by which training ends and checkpoints fall due: the first process's seconds, for all alike."""
        self.clock = self.seconds
        if self.args.world_size > 1:
            seconds = torch.tensor([self.clock], dtype=torch.float64, device=self.args.device)
            torch.distributed.broadcast(seconds, 0)
            self.clock = seconds.item()

    def progress(self, step: int) -> float:
        """Share of the run done, by steps or by minutes, whichever is the budget."""
        if self.setup.minutes is not None:
            return min(1.0, self.clock / 60 / self.setup.minutes)
        return step / self.steps

    # --- data, optimizer, schedule -------------------------------------------------------------------------------

    def get_train_dataloader(self) -> DataLoader[Any]:
        sampler = StepSampler(
            self.setup.batch_size,
            self.micro_batches,
            self.steps,
            lambda: self.state.global_step,
            self.args.process_index,
            self.args.world_size,
        )
        return DataLoader(
            cast(Any, self.samples),
            batch_sampler=sampler,
            collate_fn=self.data_collator,
            num_workers=self.config.data_workers,
            pin_memory=self.args.device.type == "cuda",
            generator=torch.Generator().manual_seed(self.setup.seed),
        )

    def create_optimizer(self, model: Any = None) -> Any:
        if self.optimizer is None and self.config.optimizer == "muon":
            self.optimizer = optimizers.muon(self.model, self.parameter_groups(), self.config)
        return super().create_optimizer(model)  # of AdamW, unless `training_arguments.optim` names another

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The weights by how they learn: dicts of params, lr and weight_decay. Biases and norms do not decay."""
        decayed = set(self.get_decay_parameter_names(self.model))
        named = [(name, weight) for name, weight in self.model.named_parameters() if weight.requires_grad]
        matrices = [weight for name, weight in named if name in decayed]
        vectors = [weight for name, weight in named if name not in decayed]
        lr, decay = self.config.learning_rate, self.config.weight_decay
        return [
            {"params": matrices, "lr": lr, "weight_decay": decay},
            {"params": vectors, "lr": lr, "weight_decay": 0.0},
        ]

    def set_weight_decay(self, step: int) -> None:
        """What the step from `step` to the next decays by, where the recipe lets the weight decay change."""
        first, last = self.config.weight_decay, self.config.weight_decay_end
        if last is not None:
            for group in self.optimizer.param_groups:
                if group.setdefault("decays", group["weight_decay"] > 0):
                    group["weight_decay"] = first + (last - first) * self.progress(step)

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        if self.lr_scheduler is None:
            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
                optimizer or self.optimizer, self._learning_rate_factor
            )
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def _learning_rate_factor(self, step: int) -> float:
        return self.setup.schedule(step, self.progress(step))

    # --- checkpoints ---------------------------------------------------------------------------------------------

    def _save_checkpoint(self, model: Any = None, trial: Any = None) -> None:
        self.require_finite()
        step = self.state.global_step
        folder = checkpoints.checkpoint_folder(self.setup.work, step)
        loss = (self._loss_at_step_begin if self._within_step else self._tr_loss).detach()
        total = self.accelerator.reduce(loss.reshape(1), "mean").item() if self.args.world_size > 1 else loss.item()
        if self.args.should_save and not (folder.exists() and self._restored_step == step):
            checkpoints.write(folder, lambda part: self._fill(part, total))
            checkpoints.prune(self.setup.work, self.config.keep_checkpoints)
            self._prune_best()

    def _fill(self, folder: Path, loss_since_log: float) -> None:
        self.accelerator.unwrap_model(self.model).save_pretrained(folder)
        torch.save(self.optimizer.state_dict(), folder / "optimizer.pt")
        torch.save(self.lr_scheduler.state_dict(), folder / "scheduler.pt")
        if (scaler := getattr(self.accelerator, "scaler", None)) is not None:
            torch.save(scaler.state_dict(), folder / "scaler.pt")
        if self.average is not None:
            self.average.save(folder)
        self.state.save_to_json(str(folder / "trainer_state.json"))
        state = Progressed(
            loss_since_log=loss_since_log,
            last_logged=self._globalstep_last_logged,
            seconds=self.seconds,
            first_step=self.first_step,
            ended=self.control.should_training_stop,
        )
        (folder / STATE).write_text(json.dumps(asdict(state)))

    @property
    def best(self) -> Path | None:
        """The folder of the best weights so far, or None."""
        step = self.state.best_global_step
        return self.setup.work / "best" / str(step) if step is not None else None

    def _save_best(self) -> None:
        if self.args.should_save and self.best is not None:
            checkpoints.write(self.best, self.accelerator.unwrap_model(self.model).save_pretrained)
            self._prune_best()

    def _prune_best(self) -> None:
        """Keep the best weights of now, and those that a checkpoint knows as the best, should it be gone back to."""
        kept = {str(self.state.best_global_step)}
        for folder in checkpoints.all_checkpoints(self.setup.work):
            try:
                kept.add(str(json.loads((folder / "trainer_state.json").read_text())["best_global_step"]))
            except (OSError, ValueError, KeyError):
                continue
        for folder in (self.setup.work / "best").glob("*"):
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _save_rng_state(self, output_dir: str) -> None:
        """Nothing to save: every step seeds itself."""

    def _load_rng_state(self, checkpoint: str | None) -> None:
        """Nothing to load: every step seeds itself."""

    def restore(self, folder: Path | None) -> None:
        """Read what the stock Trainer does not keep; `begin` puts it in place once training has set itself up."""
        self._resumed_from = folder
        self._restored, self._restored_step = None, 0
        if folder is not None:
            self._restored = saved = Progressed(**json.loads((folder / STATE).read_text()))
            step = self._restored_step = json.loads((folder / "trainer_state.json").read_text())["global_step"]
            self.seconds_before = self.clock = saved.seconds
            self.first_step = step if folder == self.start else saved.first_step
            if saved.ended:  # not a step more
                self.steps = step
        self._forget_speed(self._restored_step)

    def begin(self) -> None:
        self._began = time.monotonic()
        if self._restored:
            self._tr_loss += self._restored.loss_since_log
            self._globalstep_last_logged = self._restored.last_logged
            if self.average is not None and self._resumed_from is not None:
                self.average.load(self._resumed_from)
            if self._resumed_from == self.start:  # a trunk's own schedule did not know that the rate goes down now
                factor = self._learning_rate_factor(self.state.global_step)
                for group in self.optimizer.param_groups:
                    group["lr"] = group["initial_lr"] * factor
            if self._evaluation_is_due():
                self._evaluate(None, None)
                if self.control.should_training_stop and self._restored_step < self.steps:
                    self.steps = self._restored_step
                    raise Ended

    def _evaluation_is_due(self) -> bool:
        """Whether the run was stopped after a step at which it still had to evaluate."""
        step, every = self.state.global_step, self.setup.evaluation_steps
        return bool(
            every
            and (step % every == 0 or step >= self.steps)
            and not any("eval_loss" in entry and entry["step"] == step for entry in self.state.log_history)
        )

    def floating_point_ops(self, inputs: Any) -> int:
        """Not counted here: the stock count depends on where a run was stopped, and walks all parameters each time."""
        return 0

    # --- trouble -------------------------------------------------------------------------------------------------

    def require_finite(self) -> None:
        """Raise UserError if a loss since the last log line was not a number, so that no such weights are saved."""
        if not torch.isfinite(self._tr_loss).all():
            raise self._trouble("the loss is NaN or infinite")

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        if "loss" in logs:
            first = next((entry["loss"] for entry in self.state.log_history if entry.get("loss")), logs["loss"])
            norm = 0.0 if self.args.fp16 else logs.get("grad_norm") or 0.0  # float16 skips steps that overflow
            if not math.isfinite(logs["loss"]) or not math.isfinite(norm):
                raise self._trouble("the loss is NaN or infinite")
            if self.setup.diverged is not None and logs["loss"] > self.setup.diverged * first + 1:
                raise self._trouble(f"the loss diverges ({logs['loss']:.3g}; it began at {first:.3g})")
            self._note_speed(self.state.global_step)
        super().log(logs, start_time)

    def _note_speed(self, step: int) -> None:
        """A line in work/speed.tsv: how fast it went is no part of the result, and is kept apart from the curve."""
        if self.args.should_save:
            file = self.setup.work / "speed.tsv"
            head = "" if file.exists() else "step\tseconds\n"
            with open(file, "a", encoding="utf-8") as lines:
                lines.write(f"{head}{step}\t{self.seconds:.3f}\n")

    def _forget_speed(self, after: int) -> None:
        """Drop the lines of steps that are done again, so that each step has one line."""
        file = self.setup.work / "speed.tsv"
        if self.args.should_save and file.exists():
            lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines[1:] if line.endswith("\n") and int(line.split("\t")[0]) <= after]
            file.write_text("".join([*lines[:1], *kept]), encoding="utf-8")

    def _trouble(self, what: str) -> UserError:
        kept = checkpoints.all_checkpoints(self.setup.work)
        good = f"; the last good checkpoint is {kept[-1]}" if kept else ""
        return UserError(
            f"{what} at step {self.state.global_step} (learning rate {self._get_learning_rate():.3g}); lower"
            f" learning_rate, lengthen warmup or set precision: float32{good}"
        )

    def interrupt(self) -> None:
        """Raise Interrupted if a signal has come to any of the processes."""
        signum = self.stop.signum or 0
        if self.args.world_size > 1:
            flag = torch.tensor([signum], device=self.args.device)
            torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX)
            signum = int(flag.item())
        if signum:
            self.stop.signum = signum
            raise Interrupted

    # --- the run -------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Train to the end of the budget, from the newest whole checkpoint if there is one.

        Raises:
            SystemExit: 128 + the signal's number, after saving, when a signal asked training to stop.
            UserError: the loss is NaN or infinite or diverges; memory runs out at one sample a pass.
        """
        resume = checkpoints.newest_whole(self.setup.work)
        if resume is not None:
            log.info(f"resuming from step {checkpoints.step_of(resume)} of {self._of()}")
        elif self.start is not None:
            resume = self.start
            if (wrong := checkpoints.fault(resume)) is not None:
                raise UserError(f"{resume}: {wrong}; delete that run and make it again")
        with self.stop.installed():
            while True:
                self.restore(resume)
                try:
                    with self._progress_bar() as self.bar:
                        self.train(resume_from_checkpoint=str(resume) if resume else None)
                    return
                except Interrupted:
                    self._save_and_exit()
                except Ended:
                    continue
                except (torch.OutOfMemoryError, RuntimeError, MemoryError) as error:
                    if not _is_out_of_memory(error):
                        raise
                resume = self._halve_micro_batch()

    def _progress_bar(self) -> Progress:
        done = self._restored_step
        total = None if self.setup.minutes is not None else self.steps - done
        return Progress(f"training from step {done:,}" if done else "training", total, "steps")

    def _of(self) -> str:
        return f"{self.steps:,}" if self.setup.minutes is None else f"{self.setup.minutes:g} minutes"

    def _save_and_exit(self) -> None:
        import signal

        signum = self.stop.signum or signal.SIGTERM
        name = signal.Signals(signum).name
        if self.state.global_step:
            self._save_checkpoint()
            log.warning(f"{name}: saved at step {self.state.global_step}; the same command continues from there")
        else:
            log.warning(f"{name}: stopped before the first step")
        raise SystemExit(128 + signum)

    def _halve_micro_batch(self) -> Path | None:
        """After running out of memory: save the last step, halve what one pass takes, and say where to go on from.

        With several processes the others are waiting for this one's gradients: all have to start over (OutOfMemory).
        """
        size = self.args.per_device_train_batch_size
        if size == 1:
            raise UserError(
                "out of memory with one sequence per forward pass; shorten sequence_length, shrink the model,"
                " or set training_arguments.activation_checkpointing: true"
            ) from None
        if self.args.world_size > 1:
            raise OutOfMemory(size)
        self.model.zero_grad(set_to_none=True)
        if self.state.global_step and not self._stepping:
            self._save_checkpoint()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.set_micro_batch(math.ceil(size / 2))
        log.warning(
            f"out of memory at step {self.state.global_step}: continuing with micro_batch_size"
            f" {self.args.per_device_train_batch_size} (it was {size}); the batch stays {self.setup.batch_size}"
        )
        resume = checkpoints.newest_whole(self.setup.work) or self.start
        if resume is None and self.state.global_step:  # the optimizer stopped half-way through the weights
            raise UserError("out of memory in the optimizer; shrink the model or set micro_batch_size lower") from None
        return resume


class _Callback(TrainerCallback):
    """Hooks of the stock loop: seeding, signals, checkpoints, best, early stop, progress."""

    def __init__(self, trainer: ExactTrainer):
        self.trainer, self.config, self.setup = trainer, trainer.config, trainer.setup

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._saved_at = self.trainer.clock
        self.trainer.begin()

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.trainer.interrupt()
        seed = generator(self.setup.seed, state.global_step, args.process_index).integers(2**62)
        torch.manual_seed(int(seed))
        self.trainer._within_step, self.trainer._loss_at_step_begin = True, self.trainer._tr_loss.clone()

    def on_substep_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if args.world_size == 1:
            self.trainer.interrupt()

    on_prediction_step = on_substep_end

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.trainer._stepping = True
        self.trainer.read_clock()
        self.trainer.set_weight_decay(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        setup = self.setup
        self.trainer._stepping = self.trainer._within_step = False
        step = state.global_step
        if self.trainer.average is not None:
            self.trainer.average.update(self.trainer.progress(step))
        state.epoch = step * setup.batch_size / self.trainer.samples.rows
        last = step >= self.trainer.steps
        if setup.minutes is not None and self.trainer.progress(step) >= 1:
            last = control.should_training_stop = True
        if last:
            control.should_log = True
            control.should_evaluate = bool(setup.evaluation_steps)
        waited = self.trainer.clock - self._saved_at > 60 * self.config.checkpoint_minutes
        if (self.config.checkpoint_steps and step % self.config.checkpoint_steps == 0) or waited or last:
            control.should_save = True
        latest: dict[str, float] = next((entry for entry in reversed(state.log_history[-20:]) if "loss" in entry), {})
        figures = {"loss": f"{latest['loss']:.3f}"} if latest else {}
        self.trainer.bar.advance(1, **figures)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._saved_at = self.trainer.clock

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        metrics: dict[str, float] = kwargs["metrics"]
        name, sign = self.setup.metric, 1 if self.setup.greater_is_better else -1
        if name is None or name not in metrics:
            return
        if not math.isfinite(metrics[name]):
            raise self.trainer._trouble(f"{name} is NaN or infinite")
        if state.best_metric is None or sign * metrics[name] > sign * state.best_metric:
            state.best_metric, state.best_global_step = metrics[name], state.global_step
            self.trainer._save_best()
        elif self.config.patience is not None:
            steps = [entry["step"] for entry in state.log_history if name in entry]
            if sum(step > state.best_global_step for step in steps) >= self.config.patience:
                log.info(f"stopping early at step {state.global_step}: {name} was best at {state.best_global_step}")
                control.should_training_stop = control.should_save = True


def training_arguments(config: TrainingConfig, setup: Setup) -> TrainingArguments:
    """Hugging Face's arguments; UserError if they refuse one that the recipe passes on."""
    number_format = precision.resolve(config.precision)
    own: dict[str, Any] = {
        "output_dir": str(setup.work / "trainer"),
        "max_steps": setup.steps,
        "learning_rate": config.learning_rate,
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "adam_beta1": config.adam_beta1,
        "adam_beta2": config.adam_beta2,
        "use_cpu": not torch.cuda.is_available(),
        "bf16": number_format == "bfloat16",
        "fp16": number_format == "float16",
        "seed": setup.seed,
        "logging_strategy": "steps",
        "logging_steps": setup.logging_steps,
        "logging_first_step": True,
        "logging_nan_inf_filter": False,
        "eval_strategy": "steps" if setup.evaluation_steps else "no",
        "eval_steps": setup.evaluation_steps or None,
        "save_strategy": "no",
        "run_name": setup.name,
        "disable_tqdm": True,
        "log_level": "error",
        "remove_unused_columns": False,
        "ignore_data_skip": True,
    }
    usual = {
        "optim": "adamw_torch_fused",
        "tf32": True if torch.cuda.is_available() and number_format != "float32" else None,
        "report_to": "none",
    }
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        own["ddp_backend"] = "nccl" if torch.cuda.is_available() else "gloo"
    try:
        return TrainingArguments(**own, **{**usual, **setup.arguments})
    except (TypeError, ValueError) as error:
        raise UserError(f"training_arguments: {one_line(error)}") from None


def _is_out_of_memory(error: BaseException) -> bool:
    text = str(error)
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in text
