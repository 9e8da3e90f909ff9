"""Metrics of written text: summaries and translations. Columns gold, prediction: str."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame

    from snakelm.statistics.units import Floats, Units


def summarization(predictions: DataFrame) -> dict[str, float]:
    """ROUGE 1, 2, L and Lsum (lines are sentences), F-measures without stemming, which is for English only.

    Tokens are runs of word characters in any script: rouge-score's own tokenizer drops all but a-z and 0-9."""
    return {name: sum(scores) / len(scores) for name, scores in _rouge(predictions).items()}


def summarization_without(predictions: DataFrame, units: Units) -> dict[str, Floats]:
    """The metrics of `summarization` of all units but one, for each."""
    return {name: units.mean_without(scores) for name, scores in _rouge(predictions).items()}


def _rouge(predictions: DataFrame) -> dict[str, list[float]]:
    """ROUGE of each row."""
    from rouge_score.rouge_scorer import RougeScorer

    class Words:
        def tokenize(self, text: str) -> list[str]:
            return re.findall(r"\w+", text.lower())

    names = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    scorer = RougeScorer(names, tokenizer=Words())
    pairs = zip(predictions["gold"], predictions["prediction"], strict=True)
    scores = [scorer.score(gold, guess) for gold, guess in pairs]
    return {name: [score[name].fmeasure for score in scores] for name in names}


def translation(predictions: DataFrame) -> dict[str, float]:
    """Corpus BLEU, chrF and TER by sacrebleu with its default settings, 0 to 100 (TER: lower is better)."""
    from sacrebleu import corpus_bleu, corpus_chrf, corpus_ter

    gold, guess = [list(predictions["gold"])], list(predictions["prediction"])
    return {
        "bleu": corpus_bleu(guess, gold).score,
        "chrf": corpus_chrf(guess, gold).score,
        "ter": corpus_ter(guess, gold).score,
    }


def translation_without(predictions: DataFrame, units: Units) -> dict[str, Floats]:
    """The metrics of `translation` of all units but one, for each, from sacrebleu's counts of each row, as its own
    bootstrap makes them."""
    import numpy
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.metrics.ter import TER

    gold, guess = [list(predictions["gold"])], list(predictions["prediction"])

    def without(metric: Any) -> Floats:
        counts = numpy.array(metric._extract_corpus_statistics(guess, gold), dtype=float)
        of_unit = numpy.stack([units.total(column) for column in counts.T], 1)
        rest = of_unit.sum(0) - of_unit
        return numpy.array([metric._compute_score_from_stats(list(row)).score for row in rest])

    return {"bleu": without(BLEU()), "chrf": without(CHRF()), "ter": without(TER())}
