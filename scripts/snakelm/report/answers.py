"""The report in sentences, one per model and task: on the page, in the terminal, and in the report's manifest."""

from __future__ import annotations

from collections.abc import Sequence

from snakelm.report.comparisons import Against, Comparison, enough_words
from snakelm.report.config import AbsentCell
from snakelm.report.numbers import fixed

NAMES = {"majority": "the most frequent answer", "tfidf": "TF-IDF"}
"""Baselines as sentences call them."""


def answers(comparisons: Sequence[Comparison], absent: Sequence[AbsentCell] = ()) -> list[str]:
    """A sentence per model and task by its main metric: "year: pretraining helps, +0.065 [+0.048, +0.082]; no better
    than TF-IDF (0.821)". Models are named where there are several. What has no result is said as well."""
    main = [one for one in comparisons if one.main]
    models = {one.model for one in main} | {one.model for one in absent}
    gone = {(one.task, one.model): one for one in absent if one.init == "pretrained"}
    sentences = []
    for one in main:
        about = one.task if len(models) == 1 else f"{one.model} on {one.task}"
        missing = gone.pop((one.task, one.model), None)
        sentences.append(f"{about}: {f'pretrained {missing.status}' if missing else answer(one)}")
    for (task, model), missing in gone.items():
        about = task if len(models) == 1 else f"{model} on {task}"
        sentences.append(f"{about}: no result ({missing.status})")
    return sentences


def answer(one: Comparison) -> str:
    """What pretraining is worth on one task, beside random weights and beside the best baseline."""
    parts = [part for part in (_beside_random(one), _beside_baseline(one)) if part]
    reserve = _reserve(one)
    return "; ".join(parts) + (f" ({reserve})" if reserve else "")


def _beside_random(one: Comparison) -> str:
    found, shown = one.difference, one.difference.shown
    if shown is None or found.verdict is None:
        return _scores(one)
    size = f"{shown.mean_text} {shown.interval_text}".strip()
    if found.estimate is not None and found.estimate.covers == "nothing":
        return f"pretrained \u2212 random {size}, one seed: no interval"
    text = {
        "better": f"pretraining helps, {size}",
        "worse": f"pretraining hurts, {size}",
        "equivalent": f"pretraining makes no difference beyond \u00b1{found.margin:g}, {size}" if found.margin else "",
        "inconclusive": f"whether pretraining helps is open, {size}",
    }[found.verdict.word]
    if found.verdict.holm not in (None, found.verdict.word):
        text += " (not after Holm\u2019s correction)"
    enough = enough_words(found.verdict)
    return f"{text} ({enough})" if enough else text


def _scores(one: Comparison) -> str:
    """Where there is nothing to compare with: the scores."""
    shown = [f"{init} {each.mean_text} {each.interval_text}".strip() for init, each in one.estimates.items()]
    return f"{one.metric.replace('_', ' ')} {', '.join(shown)}" if shown else one.difference.absence


def _beside_baseline(one: Comparison) -> str:
    if not one.best_baseline or one.baseline.verdict is None:
        return ""
    rival = one.estimates[one.best_baseline]
    name = f"{NAMES.get(one.best_baseline, one.best_baseline)} ({rival.mean_text})"
    return {
        "better": f"better than {name}",
        "worse": f"worse than {name}",
        "equivalent": f"equal to {name} within \u00b1{fixed(one.baseline.margin or 0.0, rival.places)}",
        "inconclusive": f"not clearly {_likelier(one.baseline, one.greater_is_better)} than {name}",
    }[one.baseline.verdict.word]


def _likelier(found: Against, greater_is_better: bool | None) -> str:
    value = found.estimate.value if found.estimate else 0.0
    return "better" if (value >= 0) == (greater_is_better is not False) else "worse"


def _reserve(one: Comparison) -> str:
    """What the interval does not cover."""
    found = one.difference.estimate
    if found is None:
        return ""
    return {"rows": "one seed: other seeds may differ", "seeds": "other test rows may differ"}.get(found.covers, "")
