"""A tiny laboratory: real text, a real tokenizer, real encoded files, and training in processes that can be killed."""

from __future__ import annotations

import ctypes
import importlib
import itertools
import json
import multiprocessing
import os
import resource
import signal
from pathlib import Path
from typing import Any

import pandas
import psutil
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from snakelm.pretrain.config import ModelConfig
from snakelm.pretrain.objectives import objectives
from snakelm.runs.context import RunContext

M_ARENA_MAX = -8  # of glibc's malloc.h
SPECIAL = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>", "mask_token": "<mask>"}
NAMES = ("Anna", "Otto", "Maria", "Karl", "Ida", "Emil", "Clara", "Hugo")
DEEDS = ("reads a letter", "walks to the river", "sells three apples", "hears an old song", "writes about the war")


def sentences(count: int, start: int = 0) -> list[str]:
    """Deterministic sentences with something to learn in them."""
    return [
        f"{NAMES[n % 8]} {DEEDS[n * 3 % 5]} and {NAMES[n * 5 % 8]} {DEEDS[n * 7 % 5]} in {1800 + n * 13 % 200}."
        for n in range(start, start + count)
    ]


def make_tokenizer(folder: Path, vocab_size: int = 400, extra: tuple[str, ...] = ()) -> Path:
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[*SPECIAL.values(), *extra],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(sentences(200), trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, cls_token="<s>", sep_token="</s>", additional_special_tokens=list(extra), **SPECIAL
    )
    fast.save_pretrained(folder)
    return folder


def make_corpus(folder: Path, train: list[str], validation: list[str] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    pandas.DataFrame({"text": train}).to_parquet(folder / "train.parquet")
    if validation is not None:
        pandas.DataFrame({"text": validation}).to_parquet(folder / "validation.parquet")
    return folder


def encode(corpus: Path, tokenizer: Path, out: Path, threads: int = 1, **keys: Any) -> Path:
    from snakelm.encode_corpus.config import EncodeConfig
    from snakelm.encode_corpus.encode import encode_corpus

    out.mkdir(parents=True)
    encode_corpus(
        RunContext(
            "tiny", EncodeConfig(**keys), {"corpus": corpus, "tokenizer": tokenizer}, out, out / "w", threads=threads
        )
    )
    return out


TINY = {
    "corpus": "c",
    "tokenizer": "t",
    "hidden_size": 32,
    "layers": 1,
    "heads": 2,
    "sequence_length": 16,
    "batch_size": 8,
    "learning_rate": 3e-3,
    "precision": "float32",
    "evaluation_sequences": 8,
}


def model(**keys: Any) -> ModelConfig:
    """The config of a tiny model, of the objective that the keys name."""
    return objectives.validate({**TINY, **keys})


def job(folder: Path, parents: dict[str, Path], **keys: Any) -> RunContext[ModelConfig]:
    """A fresh attempt at the run in `folder`: the output is new, the work folder is what earlier attempts left."""
    attempt = sum(1 for _ in folder.glob("out*")) if folder.exists() else 0
    out = folder / f"out{attempt}"
    out.mkdir(parents=True)
    return RunContext("tiny", model(**keys), parents, out, folder / "work")


_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["torch", "transformers.trainer", "snakelm.pretrain.trainer"])


def run_in_process(
    attempt: RunContext[ModelConfig],
    at: tuple[int, int] | tuple[str, int] | None = None,
    signum: int = 0,
    spare_mb: int | None = None,
) -> tuple[int, str]:
    """Pretrain in a process of its own; at (step, micro-batch) it gets the signal. Returns exit code and log lines.

    `at` may also be ("module:function", n): the signal comes when that function of snakelm is called the n-th time.
    With `spare_mb`, from there on it gets so much more memory and not a byte above.
    """
    log_file = attempt.out.parent / "log.txt"
    log_file.unlink(missing_ok=True)
    process = _context.Process(target=_child, args=(attempt, at, signum, spare_mb, log_file))
    process.start()
    process.join()
    return process.exitcode, log_file.read_text() if log_file.exists() else ""


def _child(
    attempt: RunContext[ModelConfig],
    at: tuple[int, int] | tuple[str, int] | None,
    signum: int,
    spare_mb: int | None,
    log_file: Path,
) -> None:
    from snakelm.core import console
    from snakelm.core.errors import UserError
    from snakelm.pretrain.pretrain import pretrain
    from snakelm.pretrain.trainer import LanguageModelTrainer
    from snakelm.training.trainer import ExactTrainer

    console.set_up("tiny", log_file)
    step_of_batch = ExactTrainer.training_step
    seen = [-1, 0]

    def training_step(self: ExactTrainer, *args: Any, **kwargs: Any) -> Any:
        seen[:] = [self.state.global_step, seen[1] + 1 if seen[0] == self.state.global_step else 0]
        if at is not None and tuple(seen) == at:
            if spare_mb is None:
                os.kill(os.getpid(), signum)
            else:
                # Threads that begin now would each map an arena of 128 MB, or not, as it happens.
                ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)
                limit = psutil.Process().memory_info().vms + spare_mb * 2**20
                resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        return step_of_batch(self, *args, **kwargs)

    evaluate = LanguageModelTrainer.evaluate

    def evaluate_and_signal(self: LanguageModelTrainer, *args: Any, **kwargs: Any) -> Any:
        if at == (self.state.global_step, IN_EVALUATION):
            os.kill(os.getpid(), signum)
        return evaluate(self, *args, **kwargs)

    ExactTrainer.training_step, LanguageModelTrainer.evaluate = training_step, evaluate_and_signal
    if at is not None and isinstance(at[0], str):
        _signal_when_called(*at, signum)
    try:
        headline = pretrain(attempt)
    except UserError as error:
        console.log.error(str(error))
        raise SystemExit(1) from None
    (attempt.out / "circumstance").mkdir(exist_ok=True)
    (attempt.out / "circumstance" / "headline.json").write_text(json.dumps(headline))


def _signal_when_called(place: str, number: int, signum: int) -> None:
    module, name = place.split(":")
    module = importlib.import_module(f"snakelm.{module}")
    original, calls = getattr(module, name), itertools.count(1)

    def called(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == number:
            os.kill(os.getpid(), signum)
        return original(*args, **kwargs)

    setattr(module, name, called)


def headline(attempt: RunContext[ModelConfig]) -> dict[str, Any]:
    return json.loads((attempt.out / "circumstance" / "headline.json").read_text())


def content(folder: Path) -> dict[str, bytes]:
    """Every file that counts as the run's content."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        name: path.read_bytes()
        for path in files
        if not (name := str(path.relative_to(folder))).startswith("circumstance")
    }


KILL = signal.SIGKILL
IN_EVALUATION = -1
