"""Run folders as the other stages leave them, made of invented numbers, to lay a report out with."""

from __future__ import annotations

import hashlib
import json
import math
import random
from pathlib import Path
from typing import Any

from snakelm.artifacts.records import write
from snakelm.runs.records import Circumstance, Manifest, Parent, Subject


class Results:
    """A results folder being filled; `parents` and `subjects` are what a report's job would be given."""

    def __init__(self, root: Path):
        self.root = root
        self.parents: dict[str, Path] = {}
        self.subjects: dict[str, Subject] = {}
        self.confidence = 0.95

    def add(
        self, stage: str, name: str, subject: Subject, files: dict[str, str] | None = None, **manifest: Any
    ) -> Path:
        """A finished run, in the role `<stage>:<name>`."""
        role = f"{stage}:{name}"
        run_id = hashlib.sha256(role.encode()).hexdigest()[:12]
        folder = self.root / stage / f"{''.join(c if c.isalnum() or c in '._-' else '_' for c in name)}-{run_id}"
        folder.mkdir(parents=True)
        for file, text in (files or {}).items():
            (folder / file).write_text(text, encoding="utf-8")
        circumstance = Circumstance(seconds=12.5, machine={"host": "secret-host.example"})
        whole = Manifest(stage, name, run_id, subject, circumstance=circumstance, **manifest)
        write(folder / "manifest.json", whole)
        self.parents[role] = folder
        return folder

    def evaluate(self, model: str, task: str, init: str, scores: dict[Any, float], metric: str = "accuracy", **options):
        """An evaluate run with one main metric (seed → value) and, with `also`, more metrics of the same form.

        `swept`: section of the recipe → keys that a sweep set; `parents`: ids of its fine-tunings.
        """
        greater, n = options.get("greater", True), options.get("n", 800)
        rows = [("seed", "metric", "value", "n", "main", "greater_is_better")]
        for name, values in {metric: scores, **options.get("also", {})}.items():
            rows += [
                (s, name, repr(v), n, str(name == metric).lower(), str(greater).lower()) for s, v in values.items()
            ]
        files, config = {"metrics.tsv": tsv(rows)}, {"confidence": self.confidence}
        parents = {f"seed-{n}": Parent("finetune", "", run_id) for n, run_id in enumerate(options.get("parents", ()))}
        subject = Subject(model=model, task=task, init=init, swept=options.get("swept", {}))
        return self.add("evaluate", f"{model}.{task}.{init}", subject, files, config=config, parents=parents)

    def finetune(
        self, model: str, task: str, init: str, seed: int, level: float, size: int | None = 500, file: str = "data.tsv"
    ):
        draw = random.Random(f"{model}{task}{init}{seed}")
        rows = [("step", "epoch", "loss", "validation_loss", "validation_metric")]
        for step in range(0, 129, 8):
            rising = level * (1 - 0.5 * math.exp(-step / 30)) + draw.gauss(0, 0.008)
            rows.append((step, step / 32, 1.6 * math.exp(-step / 60), *((1.5, rising) if step % 32 == 0 else ("", ""))))
        settings = {"files": [file], "learning_rate": 1e-3, "max_train_rows": size}
        return self.add(
            "finetune",
            f"{model}.{task}.{init}.s{seed}",
            Subject(model=model, task=task, init=init, seed=seed),
            {"curve.tsv": tsv(rows)},
            config={"init": init, "seed": seed, "task": settings},
        )

    def pretrain(self, model: str, level: float = 4.6, steps: int = 1771, samples: str = "", **headline: Any):
        draw = random.Random(model)
        rows = [("step", "tokens", "loss", "validation_loss", "bits_per_byte", "learning_rate")]
        for step in range(1, steps + 1):
            loss = level + (8.3 - level) * math.exp(-step / (steps / 7)) + draw.gauss(0, 0.12)
            held_out = level + 0.1 + (8.3 - level) * math.exp(-step / (steps / 7))
            last = (held_out, held_out / 2.77) if step % max(1, steps // 12) == 0 else ("", "")
            rows.append((step, step * 1024, loss, *last, 3e-3))
        files = {"curve.tsv": tsv(rows)} | ({"samples.txt": samples} if samples else {})
        config = {"architecture": "gpt2", "hidden_size": 128, "learning_rate": 3e-3}
        return self.add("pretrain", model, Subject(model=model), files, headline=headline, config=config)

    def tokenizer(self, name: str, **statistics: Any):
        files = {"statistics.json": json.dumps(statistics)} if statistics else {}
        if statistics:
            tokens = enumerate(["Fel", "low", "citi", "zens", "of", "the", "Sen", "ate", "&", "the", "House"])
            spans = (f'<span style="background:#cfe8ff" title="{t} ({i})">{t}</span> ' for i, t in tokens)
            files["sample.html"] = f'<div class="tokens" style="color:#111;background:#fff">{"".join(spans)}</div>\n'
            files["sample.html"] = files["sample.html"].replace("&", "&amp;")
        return self.add("save_tokenizer", name, Subject(tokenizer=name), files, headline={"vocab_size": 4096})

    def corpus(self, name: str, **headline: Any):
        config = {"source": "https://reader:hunter2@example.org/text.txt"}
        return self.add("fetch_corpus", name, Subject(corpus=name), headline=headline, config=config)


def tsv(rows: list[tuple]) -> str:
    return "".join("\t".join(str(field) for field in row) + "\n" for row in rows)


def usual(root: Path, confidence: float = 0.95) -> Results:
    """The default story: one model, three tasks, three seeds; one gain, one smaller-is-better gain, one unclear."""
    results = Results(root)
    results.confidence = confidence
    random_text = "Fellow citizens of the Senate and of the House of Representatives: the state of the Union is " * 6
    samples = f"> The state of\nThe state of the Union {random_text}\n\n> We must\n{random_text}\n" * 2
    headline = {
        "parameters": 926208,
        "tokens": 1813504,
        "steps": 1771,
        "validation_loss": 4.6512,
        "bits_per_byte": 1.683,
    }
    results.pretrain("tiny", samples=samples, **headline)
    values = {
        "era": ("accuracy", True, {"pretrained": (0.585, 0.591, 0.571), "random": (0.496, 0.482, 0.507)}),
        "year": ("rmse", False, {"pretrained": (24.1, 25.3, 24.8), "random": (33.9, 31.2, 32.5)}),
        "party": ("macro_f1", True, {"pretrained": (0.61, 0.58, 0.63), "random": (0.60, 0.62, 0.59)}),
    }
    for task, (metric, greater, inits) in values.items():
        for init, scores in inits.items():
            also = {"spearman": {s: v / 2 for s, v in enumerate(scores, 1)}}
            results.evaluate("tiny", task, init, dict(enumerate(scores, 1)), metric, greater=greater, also=also)
            for seed, score in enumerate(scores, 1):
                results.finetune("tiny", task, init, seed, score)
    results.tokenizer("bpe", bytes_per_token=3.91, tokens_per_word=1.42, unknown_rate=0.0012, kind="byte_level_bpe")
    sizes = {"train": 189, "validation": 24, "test": 24}
    results.corpus("sotu", documents=sizes, characters={split: 52311 * n for split, n in sizes.items()})
    return results


def ugly(root: Path) -> Results:
    """Thirty cells under hard names: one seed only, missing inits, NaN, a baseline without seeds, a diverged run."""
    results = Results(root)
    models = ["<script>alert(1)</script>", "gpt-2.0_x$^{2}$", "_" + "long" * 18, "多語言-модель", "m10", "m2"]
    tasks = ["era", "a & b 'c' \"d\"", "perplexity-of-something-quite-long-in-words"]
    for place, model in enumerate(models):
        headline = {"parameters": 10 ** (5 + place % 3), "bits_per_byte": 1.5 + place / 10, "diverged": place == 4}
        sample = "</pre><script>alert(2)</script> \u202e\x00 ünïcode" if place == 0 else ""
        folder = results.pretrain(model, 4 + place / 5, 40 + 300 * place, sample, **headline)
        if place == 4:
            (folder / "curve.tsv").write_text("step\ttokens\tloss\tvalidation_loss\n1\t64\t9.1\t\n2\t128\tnan\tinf\n")
        for task in tasks:
            smaller = task == tasks[2]
            metric = "perplexity" if smaller else "accuracy"
            scale = 120.0 if smaller else 0.6
            for init in ("pretrained", "random"):
                if (place, task, init) in ((2, "era", "random"), (3, "era", "pretrained")):
                    continue
                draw = random.Random(f"{model}{task}{init}")
                seeds = range(1, 2 if place == 1 else 6)
                gap = scale * 0.08 * (place - 2) * (init == "pretrained")
                scores = {seed: scale + gap + draw.gauss(0, scale / 25) for seed in seeds}
                if place == 4:
                    scores[2] = math.nan
                if place == 5 and init == "random":
                    scores = dict.fromkeys(seeds, math.nan)
                results.evaluate(model, task, init, scores, metric, greater=not smaller, n=800 + place % 2)
                if init == "random" or place < 2:
                    for seed in list(seeds)[:3]:
                        results.finetune(model, task, init, seed, scores[seed])
        results.evaluate(model, "era", "majority-class", {"": 0.31}, n=800)
    for place in range(3):
        results.tokenizer(f"tok{place}", bytes_per_token=3 + place / 3, note="<i>x</i>")
    results.corpus("empty<b>")
    return results


def many(root: Path, experiments: int, tasks: int = 10) -> Results:
    """So many experiments: models × tasks, pretrained and random with three seeds and a baseline; half the models are
    of a sweep."""
    results = Results(root)
    for place in range(max(1, experiments // tasks)):
        model, draw = f"model-{place}", random.Random(place)
        swept = {"models": {"learning_rate": round(10 ** -(2 + place % 7 / 3), 6)}} if place % 2 else {}
        results.pretrain(model, 4 + place / 100, 300, parameters=10**6 + place, tokens=10**8, epochs=1.5)
        for number in range(tasks):
            task = f"task-{number}"
            for init, level in (("pretrained", 0.6), ("random", 0.55)):
                scores = {seed: level + draw.gauss(0, 0.02) for seed in (1, 2, 3)}
                tuned = [results.finetune(model, task, init, seed, scores[seed]).name[-12:] for seed in scores]
                also = {"macro_f1": {seed: score - 0.05 for seed, score in scores.items()}}
                folder = results.evaluate(model, task, init, scores, parents=tuned, also=also, swept=swept)
                _contributions(folder, [scores, also["macro_f1"]], rows=200)
            results.evaluate(model, task, "majority", {"": 0.3}, swept=swept)
    return results


def _contributions(folder: Path, metrics: list[dict[Any, float]], rows: int) -> None:
    """What each test row contributes to accuracy and macro_f1, as an evaluation leaves it."""
    import numpy

    draw = numpy.random.default_rng(len(folder.name))
    of_row = draw.normal(0, 0.4, rows)
    table = [[value + of_row + draw.normal(0, 0.2, rows) for value in scores.values()] for scores in metrics]
    numpy.save(folder / "contributions.npy", numpy.array(table, dtype=numpy.float32))
    cell = {"seeds": list(map(str, metrics[0])), "contributions": ["accuracy", "macro_f1"], "test": "the same"}
    (folder / "cell.json").write_text(json.dumps(cell), encoding="utf-8")
