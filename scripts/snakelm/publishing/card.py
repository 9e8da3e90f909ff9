"""Model cards: README.md of a model or tokenizer folder, with metadata that the Hugging Face Hub reads.

A card says things that come after the run (how the models that begin with it do on tasks) and things that differ
between machines (device, time), and its wording may be improved at any time. So it is no part of the run: no stage
writes it, it enters no id and no manifest, and `verify` does not look at it. It is made of what is known when it is
written: the recipe, the manifests, and the finished evaluations. Cost: about 10 ms a card.
"""

from __future__ import annotations

import functools
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from snakelm.core.errors import UserError
from snakelm.planning.plan import Plan, PlannedRun
from snakelm.publishing import data, loading
from snakelm.publishing.recipe_text import corpora_of, recipe_text
from snakelm.publishing.scores import Score, Scores
from snakelm.recipe.command import shown_path
from snakelm.report.numbers import decimals, fixed, plain
from snakelm.runs.records import Manifest
from snakelm.runs.store import read_manifest

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

    from snakelm.fetch_corpus.config import CorpusConfig
    from snakelm.tasks.config import TaskConfig

STAGES = ("save_tokenizer", "pretrain", "finetune")
"""The stages whose runs are models or tokenizers."""
TASKS = {
    "text_classification": "text-classification",
    "regression": "text-classification",
    "token_classification": "token-classification",
    "question_answering": "question-answering",
    "multiple_choice": "multiple-choice",
    "summarization": "summarization",
    "translation": "translation",
}
"""Task type → what the Hub calls it (pipeline_tag)."""
BY_AUTO = {"AutoModelForCausalLM": "text-generation", "AutoModelForMaskedLM": "fill-mask"}
NAMES = {"clm": "causal", "mlm": "masked", "span_denoising": "span-denoising"}
MEASURED = {
    "vocab_size": "tokens in the vocabulary",
    "bytes_per_token": "bytes of text per token",
    "tokens_per_word": "tokens per word",
    "whole_words": "share of running words that are one token",
    "unknown_rate": "share of unknown tokens",
    "round_trip": "share of lines that decode to exactly what was encoded",
}


@dataclass(frozen=True)
class CardMaker:
    """Makes the cards of a plan's runs.

    command: the arguments of the command that makes the recipe, as strangers may see them.
    """

    plan: Plan
    command: tuple[str, ...]
    scores: Scores

    def card(self, run: PlannedRun, place: str, license: str | None = None) -> str:
        """The whole README.md of a run with a model or tokenizer, metadata first.

        place: what code loads it by, a folder or a repository's name. license: that of the model itself.
        UserError where the run's manifest cannot be read.
        """
        maker = _TokenizerCard if run.stage == "save_tokenizer" else _ModelCard
        metadata, text = maker(self, run, place).make()
        metadata.license = license
        # What str(ModelCard(…)) gives, without parsing it again, which would take three times as long.
        return f"---\n{metadata.to_yaml()}\n---\n\n{text}"


def is_model(run: PlannedRun, manifest: Manifest) -> bool:
    """Whether the folder can be loaded: baselines have no network, and the trunk of a training is a checkpoint."""
    names = dict(zip(STAGES, ("tokenizer.json", "config.json", "config.json"), strict=True))
    return run.stage in names and names[run.stage] in manifest.files


class _Card:
    template = ""

    def __init__(self, maker: CardMaker, run: PlannedRun, place: str):
        self.plan, self.recipe, self.scores = maker.plan, maker.plan.recipe, maker.scores
        self.command, self.run, self.place = maker.command, run, place
        self.manifest = _manifest(run)
        self.subject = run.subject

    def make(self) -> tuple[Any, str]:
        """Metadata and text."""
        return self.metadata(), _environment().get_template(self.template).render(self.values()).strip() + "\n"

    def metadata(self) -> Any:
        raise NotImplementedError

    def values(self) -> dict[str, Any]:
        """What every card says."""
        made = self.manifest
        versions = {"Python": "python", "torch": "torch", "transformers": "transformers", "tokenizers": "tokenizers"}
        known = [f"{shown} {made.versions[name]}" for shown, name in versions.items() if name in made.versions]
        return {
            "name": self.run.name,
            "run": f"{self.run.stage} {self.run.name}, id {self.run.id}",
            "commit": made.circumstance.machine.get("commit"),
            "versions": ", ".join(known) or "versions that are not recorded",
            "adopted": made.adopted is not None,
            "command": " ".join(self.command),
            "recipe": recipe_text(self.recipe, self.subject).rstrip(),
            "data": [asdict(row) for row in self.corpora_rows()],
        }

    @property
    def corpora(self) -> dict[str, CorpusConfig]:
        return {name: self.recipe.corpora[name] for name in corpora_of(self.recipe, self.subject)}

    def corpora_rows(self) -> list[data.CorpusRow]:
        runs = {run.subject.corpus: run for run in self.plan.of("fetch_corpus")}
        return [
            row
            for name, corpus in self.corpora.items()
            for row in data.corpus_rows(name, corpus, _manifest(runs[name]) if name in runs else None)
        ]

    def languages(self) -> list[str]:
        return data.languages(self.corpora.values())

    def of_data(self) -> list[str]:
        """Limits that follow from the data."""
        lines = []
        if languages := self.languages():
            lines.append(f"Its text is in {', '.join(languages)}; of other languages it knows what strayed in.")
        else:
            lines.append("The language of its text is not stated.")
        if unlicensed := data.unlicensed(self.corpora):
            lines.append(f"The license of {', '.join(unlicensed)} is not stated: clear it before you pass this on.")
        return lines


class _TokenizerCard(_Card):
    template = "tokenizer.md"

    def metadata(self) -> Any:
        from huggingface_hub import ModelCardData

        return ModelCardData(
            language=self.languages() or None,
            library_name="transformers",
            tags=["snakelm", "tokenizer"],
            datasets=data.hub_names(data.sources_of(self.corpora.values())) or None,
        )

    def values(self) -> dict[str, Any]:
        headline = self.manifest.headline
        size = headline.get("vocab_size")
        tokens = f" of {size:,} tokens" if isinstance(size, int) else ""
        where = f", trained on {' and '.join(self.corpora)}" if self.corpora else ""
        measured = [(text, plain(headline[key])) for key, text in MEASURED.items() if headline.get(key) is not None]
        return super().values() | {
            "summary": f"A tokenizer ({tokenizer_kind(self.plan, self.subject.tokenizer)}){tokens}{where}.",
            "code": loading.tokenizer_code(self.place),
            "measured": measured if len(measured) > 1 else [],
            "split": _measured_split(self.run.folder),
            "limits": self.of_data(),
        }


class _ModelCard(_Card):
    template = "model.md"

    def __init__(self, maker: CardMaker, run: PlannedRun, place: str):
        super().__init__(maker, run, place)
        self.model = self.recipe.models[self.subject.model]
        self.config = loading.read_config(run.folder)
        self.auto = loading.auto_class(self.config, self.model.network)
        self.task: TaskConfig | None = getattr(run.typed(), "task", None) if run.stage == "finetune" else None

    # --- metadata ---

    def metadata(self) -> Any:
        from huggingface_hub import ModelCardData

        results = [*self.held_out_results(), *(self.result(score) for score in self.scores.of(self.run))]
        sources = [*data.sources_of(self.corpora.values()), *data.task_sources(self.task)]
        tags = ["snakelm", str(self.network_config().get("model_type", self.model.architecture))]
        return ModelCardData(
            language=self.languages() or None,
            library_name="transformers",
            pipeline_tag=self.pipeline_tag,
            tags=list(dict.fromkeys(tags)),
            datasets=data.hub_names(sources) or None,
            base_model=self.base_model(),
            model_name=self.run.name,
            eval_results=results or None,
        )

    @property
    def pipeline_tag(self) -> str | None:
        return TASKS.get(self.task.type if self.task else "") or BY_AUTO.get(self.auto)

    def base_model(self) -> str | None:
        """A model of the Hub that training went on from."""
        init = self.subject.init if self.task else self.model.init
        is_ours = init in ("", "scratch", "entry", "pretrained", "random") or init in self.recipe.models
        return init if not is_ours and init.count("/") == 1 and not Path(init).expanduser().exists() else None

    def result(self, score: Score) -> EvalResult:
        """A score as an entry of the model-index: of a fine-tuning its own value, of a pretrained model the mean."""
        from huggingface_hub import EvalResult

        own = score.values.get(str(self.subject.seed)) if self.task else None
        what = "this seed" if own is not None else f"mean of {len(score.values)} fine-tunings"
        name = f"{score.metric}, {what}" + (f" ({score.interval_text})" if score.interval_text else "")
        args: dict[str, Any] = {"seeds": sorted(map(int, score.values)), "mean": score.mean}
        if score.low is not None and score.high is not None:
            args |= {"low": score.low, "high": score.high, "confidence": score.confidence}
        return EvalResult(
            task_type=TASKS.get(score.task_type) or self.pipeline_tag or score.task_type,
            task_name=score.task,
            dataset_type=score.task,
            dataset_name=score.task,
            dataset_split="test",
            metric_type=score.metric,
            metric_name=name,
            metric_value=score.mean if own is None else own,
            metric_args=args,
        )

    def held_out_results(self) -> list[EvalResult]:
        from huggingface_hub import EvalResult

        headline = self.manifest.headline
        if self.task is not None:
            return []
        return [
            EvalResult(
                task_type=self.pipeline_tag or "text2text-generation",
                task_name=f"{NAMES.get(self.model.objective, self.model.objective)} language modeling",
                dataset_type=self.model.corpus,
                dataset_name=self.model.corpus,
                dataset_split="validation",
                metric_type=metric,
                metric_value=round(headline[metric], 6),
                metric_name=f"{metric.replace('_', ' ')} of held-out text",
            )
            for metric in ("validation_loss", "perplexity", "bits_per_byte")
            if headline.get(metric) is not None
        ]

    # --- text ---

    def values(self) -> dict[str, Any]:
        rows = [row for score in self.scores.of(self.run) if (row := self.result_row(score))]
        task_type, separator = (self.task.type, getattr(self.task, "separator", "")) if self.task else ("", "")
        return super().values() | {
            "summary": self.summary(),
            "code": loading.model_code(self.place, self.config, self.auto, self.prompt(), task_type, separator),
            "remote": bool(self.config.get("auto_map")),
            "results": rows,
            "results_note": self.results_note(),
            "held_out": self.held_out(),
            "task_data": self.task_data(),
            "tokenizer": self.tokenizer(),
            "training": self.training(),
            "limits": self.limits(),
        }

    def prompt(self) -> str:
        prompts = [prompt for prompt in self.model.prompts if "<mask>" not in prompt]
        return prompts[0] if prompts and self.task is None else "An example"

    def summary(self) -> str:
        parameters = self.parameters()
        size = f" of {parameters:,} parameters" if parameters else ""
        architecture = self.network_config().get("model_type", self.model.architecture)
        objective = NAMES.get(self.model.objective, self.model.objective)
        start = (
            f"pretrained from {shown_path(self.model.init)}"
            if self.model.init != "scratch"
            else "pretrained from scratch"
        )
        pretrained = f"{start} on the corpus {self.model.corpus}"
        if self.task is None:
            return f"A {objective} language model ({architecture}){size}, {pretrained}."
        begins = {"pretrained": f"the model {self.subject.model} ({pretrained})", "random": "random weights"}
        start = begins.get(self.subject.init, shown_path(self.subject.init))
        what = self.task.type.replace("_", " ")
        return (
            f"A model ({architecture}) for the {what} task {self.subject.task}, fine-tuned from {start}, "
            f"with seed {self.subject.seed}."
        )

    def network_config(self) -> dict[str, Any]:
        """The config of the network itself, without a head of ours around it."""
        return cast("dict[str, Any]", self.config.get("backbone") or self.config)

    def parameters(self) -> int | None:
        found = self.manifest.headline.get("parameters")
        if found is None and (start := self.run.parents.get("pretrained")) is not None:
            found = _manifest(start).headline.get("parameters")
        return found

    def result_row(self, score: Score) -> dict[str, str] | None:
        """A line of the table; of metrics beside the main one only what this model itself scored."""
        rivals = [r for r in self.scores.rivals(self.run) if (r.task, r.metric) == (score.task, score.metric)]
        compared = "; ".join(f"{rival.init}: {rival.text}" for rival in rivals)
        own = score.text
        if self.task is not None and (value := score.values.get(str(self.subject.seed))) is not None:
            own = fixed(value, decimals(value))
            own += f"; mean of {len(score.values)} seeds: {score.text}" if len(score.values) > 1 else ""
        return {"task": score.task, "metric": score.metric_text, "own": own, "rivals": compared}

    def results_note(self) -> str:
        scores = self.scores.of(self.run)
        if not scores:
            return ""
        seeds, confidence = max(len(score.values) for score in scores), scores[0].confidence
        rows = {score.task: score.rows for score in scores if score.rows}
        tested = ", ".join(f"{count:,} rows of {task}" for task, count in rows.items())
        what = "This model on the test split" if self.task else "Fine-tuned on each task, then tested"
        text = f"{what}{f' ({tested})' if tested else ''}"
        if seeds == 1:
            return f"{text}: one seed, so without an interval."
        joint = ", and means" if self.task else ": means"
        return f"{text}{joint} over {seeds} seeds with {confidence:.0%} intervals in brackets."

    def held_out(self) -> str:
        headline = self.manifest.headline
        if self.task is not None or headline.get("validation_loss") is None:
            return ""
        parts = [f"loss {plain(headline['validation_loss'])} nats per token"]
        if headline.get("perplexity") is not None:
            parts.append(f"perplexity {plain(headline['perplexity'])}")
        if headline.get("bits_per_byte") is not None:
            parts.append(f"{plain(headline['bits_per_byte'])} bits per byte")
        return f"On held-out text of the corpus {self.model.corpus}: {', '.join(parts)}."

    def task_data(self) -> str:
        if self.task is None:
            return ""
        counted = data.counts(_json(self.run.folder / "task.json").get("rows") or {})
        sources = list(dict.fromkeys(data.described(source) for source in data.task_sources(self.task)))
        where = f"documents of the corpus {self.task.corpus}" if self.task.corpus else " and ".join(sources)
        return f"The rows of the task {self.subject.task} are from {where}" + (f": {counted}." if counted else ".")

    def tokenizer(self) -> str:
        name = self.model.tokenizer
        run = next((run for run in self.plan.of("save_tokenizer") if run.subject.tokenizer == name and run.done), None)
        size = _manifest(run).headline.get("vocab_size") if run else None
        return f"{name}: {tokenizer_kind(self.plan, name)}" + (f", {size:,} tokens." if size else ".")

    def training(self) -> list[tuple[str, str]]:
        headline, made = self.manifest.headline, self.manifest.circumstance
        settings = self.task or self.model
        schedule = f"peak learning rate {settings.learning_rate:g}, {settings.schedule}, warm-up {settings.warmup:g}"
        items: list[tuple[str, Any]] = [
            ("Objective", NAMES.get(self.model.objective, self.model.objective) if self.task is None else None),
            ("Parameters", headline.get("parameters")),
            ("Steps", headline.get("steps")),
            ("Tokens", headline.get("tokens")),
            ("Passes over the data", headline.get("epochs") if self.task is None else settings.epochs),
            ("Batch", f"{settings.batch_size} {'rows' if self.task else 'sequences'}"),
            ("Sequence length", None if self.task else self.model.sequence_length),
            ("Optimizer", f"AdamW, {schedule}, weight decay {settings.weight_decay:g}"),
            ("Precision", settings.precision),
            ("Weights kept", settings.keep),
            ("Chosen from a grid", json.dumps(headline["grid"]) if headline.get("grid") else None),
            ("Seed", self.subject.seed if self.task else self.model.seed),
            ("Device", _device(made.times, made.machine)),
            ("Time", f"{made.seconds:,.0f} s" if made.seconds is not None and made.adopted is None else None),
        ]
        if (energy := made.times.get("energy_wh_estimate")) is not None:
            items.append(("Energy", f"{plain(energy)} Wh ({made.times.get('energy_source', 'an estimate')})"))
        return [(what, plain(value)) for what, value in items if value is not None]

    def limits(self) -> list[str]:
        headline, lines = self.manifest.headline, []
        if self.task is None and (tokens := headline.get("tokens")):
            lines.append(
                f"It has read {tokens:,} tokens, and knows nothing that they do not say. Nothing was done against what "
                "is wrong, biased or private in them."
            )
        if self.auto == "AutoModelForCausalLM" and self.task is None:
            lines.append("It continues text. It was not trained to follow instructions or to tell the truth.")
        if limit := loading.longest_input(self.config):
            lines.append(f"It reads at most {limit:,} positions at once.")
        lines += self.of_data()
        for score in self.scores.of(self.run):
            better = [rival for rival in self.main_rivals(score) if not _is_better(score, rival)]
            if better:
                named = " and ".join(f"{rival.init} ({rival.text})" for rival in better)
                lines.append(f"On {score.task}, {named} did as well or better by {score.metric.replace('_', ' ')}.")
        if not self.scores.of(self.run):
            lines.append("What it is good for was not measured.")
        return lines

    def main_rivals(self, score: Score) -> list[Score]:
        rivals = self.scores.rivals(self.run)
        return [r for r in rivals if score.is_main and (r.task, r.metric) == (score.task, score.metric)]


def _is_better(score: Score, rival: Score) -> bool:
    """Whether the mean is on the better side of the rival's; what is not known to be so counts as not."""
    if score.greater_is_better is None:
        return True
    return score.mean > rival.mean if score.greater_is_better else score.mean < rival.mean


def tokenizer_kind(plan: Plan, name: str) -> str:
    entry = plan.recipe.tokenizers[name]
    if entry.existing and not getattr(entry, "retrain", False):
        return f"from {entry.existing}" if entry.existing.count("/") == 1 else "an existing one"
    return str(entry.kind).replace("_", " ")


def _device(times: dict[str, Any], machine: dict[str, Any]) -> str | None:
    device = times.get("device")
    hardware = ", ".join(machine.get("gpus") or []) or machine.get("processor")
    return " on ".join(str(part) for part in (device, hardware) if part) or None


def _measured_split(folder: Path) -> str:
    for name in ("figures.json", "statistics.json"):
        if split := _json(folder / name).get("split"):
            return str(split)
    return "validation"


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _manifest(run: PlannedRun) -> Manifest:
    try:
        return read_manifest(run.folder)
    except (OSError, ValueError):
        raise UserError(f"{run.folder}: not finished, or its manifest cannot be read (`snakelm verify`)") from None


def cell(text: Any) -> str:
    """A text that stays text in Markdown, and on one line of a table."""
    shown = " ".join(str(text).split())
    for letter, escaped in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("`", "'"), ("](", "]\\(")):
        shown = shown.replace(letter, escaped)
    return shown


@functools.cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(os.path.dirname(__file__)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # it is Markdown: `cell` keeps texts from being taken for it
    )
    environment.filters["cell"] = cell
    return environment
