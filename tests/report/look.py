"""Write the report of invented runs, to look at.

python -m tests.report.look FOLDER [usual|ugly|sizes|tokenizers|nothing]
"""

from __future__ import annotations

import itertools
import math
import sys
import tempfile
from pathlib import Path

from snakelm.report.config import ReportRunConfig
from snakelm.report.report import report
from snakelm.runs.context import RunContext
from tests.report.fake_runs import Results, ugly, usual


def tokenizers(root: Path) -> Results:
    results = Results(root)
    results.tokenizer("bpe", bytes_per_token=3.91, tokens_per_word=1.3, whole_words=0.75)
    results.tokenizer("a rather long name of a unigram tokenizer", bytes_per_token=4.2, tokens_per_word=1.2)
    results.tokenizer("characters", bytes_per_token=1.0, tokens_per_word=5.6, whole_words=0.02)
    return results


def sizes(root: Path) -> Results:
    results = Results(root)
    for task, size, model in itertools.product(("era", "party"), (100, 200, 500, 2000), ("tiny", "base")):
        for init, level in (("pretrained", 0.62), ("random", 0.5), ("tfidf", 0.55)):
            scores = {seed: level + 0.04 * math.log10(size) + 0.012 * seed for seed in (1, 2, 3)}
            results.evaluate(model, f"{task}-{size}", init, scores)
            for seed, score in scores.items():
                results.finetune(model, f"{task}-{size}", init, seed, score, size, f"{task}.tsv")
    return results


if __name__ == "__main__":
    out, which = Path(sys.argv[1]), (sys.argv[2:] or ["usual"])[0]
    out.mkdir(parents=True, exist_ok=True)
    make = {"usual": usual, "ugly": ugly, "tokenizers": tokenizers, "sizes": sizes, "nothing": Results}[which]
    with tempfile.TemporaryDirectory() as folder:
        parents = make(Path(folder)).parents
        description = "Does pretraining on the addresses help to date their paragraphs?"
        config = ReportRunConfig(title="State of the Union", description=description)
        print(report(RunContext("default", config, parents, out, out)))
