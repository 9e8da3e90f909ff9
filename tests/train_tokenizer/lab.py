"""A way to carry out the two stages as the workflow does, and made-up text."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pandas

from snakelm.runs.context import RunContext
from snakelm.save_tokenizer.config import SaveConfig
from snakelm.tokenization.statistics import TokenizerStatistics, read_statistics
from snakelm.train_tokenizer.config import TokenizerConfig


class Lab:
    """Runs train_tokenizer and save_tokenizer in a folder of its own."""

    def __init__(self, root: Path, corpus: Path | None):
        self.root, self.corpus, self.number = root, corpus, 0

    def job(self, name: str, config: Any, **parents: Path | None) -> RunContext[Any]:
        self.number += 1
        out, work = self.root / f"{name}-{self.number}", self.root / f"work-{self.number}"
        out.mkdir(parents=True)
        work.mkdir()
        return RunContext(name, config, {role: path for role, path in parents.items() if path is not None}, out, work)

    def train(self, name: str = "tok", **settings: Any) -> Path:
        from snakelm.train_tokenizer.train import train_tokenizer

        if self.corpus is not None:
            settings = {"corpus": "text", **settings}
        job = self.job(name, TokenizerConfig(**settings), corpus=self.corpus)
        self.headline = train_tokenizer(job)
        return job.out

    def save(self, trained: Path, name: str = "tok", **settings: Any) -> Path:
        from snakelm.save_tokenizer.save import save_tokenizer

        job = self.job(name, SaveConfig(**settings), trained=trained, corpus=self.corpus)
        self.headline, self.times = save_tokenizer(job), job.times
        return job.out

    def both(self, name: str = "tok", **settings: Any) -> Path:
        return self.save(self.train(name, **settings), name)

    def statistics(self, folder: Path) -> TokenizerStatistics:
        found = read_statistics(folder)
        assert found is not None
        return found


def write_corpus(folder: Path, train: list[str], validation: list[str] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    pandas.DataFrame({"text": train}).to_parquet(folder / "train.parquet")
    if validation is not None:
        pandas.DataFrame({"text": validation}).to_parquet(folder / "validation.parquet")
    return folder


def prose(lines: int, seed: int) -> list[str]:
    """Lines of made-up words with stems and endings, so that there is something to learn."""
    draw = random.Random(0)
    stems = ["".join(draw.choice("bcdfglmnprstv") + draw.choice("aeiou") for _ in range(2)) for _ in range(80)]
    draw = random.Random(seed)
    ends = ["", "s", "ed", "ing", "er", "ly", "'s"]

    def word() -> str:
        return draw.choice(stems[: draw.randint(5, 80)]) + draw.choice(ends)

    return [" ".join(word() for _ in range(draw.randint(4, 12))).capitalize() + ".\n" for _ in range(lines)]
