"""Metrics of written text: summaries and translations. Columns gold, prediction: str."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame


def summarization(predictions: DataFrame) -> dict[str, float]:
    """ROUGE 1, 2, L and Lsum (lines are sentences), F-measures without stemming, which is for English only.

    Tokens are runs of word characters in any script: rouge-score's own tokenizer drops all but a-z and 0-9."""
    from rouge_score.rouge_scorer import RougeScorer

    class Words:
        def tokenize(self, text: str) -> list[str]:
            return re.findall(r"\w+", text.lower())

    names = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    scorer = RougeScorer(names, tokenizer=Words())
    pairs = zip(predictions["gold"], predictions["prediction"], strict=True)
    scores = [scorer.score(gold, guess) for gold, guess in pairs]
    return {name: sum(score[name].fmeasure for score in scores) / len(scores) for name in names}


def translation(predictions: DataFrame) -> dict[str, float]:
    """Corpus BLEU, chrF and TER by sacrebleu with its default settings, 0 to 100 (TER: lower is better)."""
    from sacrebleu import corpus_bleu, corpus_chrf, corpus_ter

    gold, guess = [list(predictions["gold"])], list(predictions["prediction"])
    return {
        "bleu": corpus_bleu(guess, gold).score,
        "chrf": corpus_chrf(guess, gold).score,
        "ter": corpus_ter(guess, gold).score,
    }
