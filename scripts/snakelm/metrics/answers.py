"""Metrics of extracted answers."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from snakelm.statistics.units import share

if TYPE_CHECKING:
    from pandas import DataFrame

    from snakelm.statistics.units import Floats, Units

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def question_answering(predictions: DataFrame) -> dict[str, float]:
    """Exact match and token F1 against the best of the accepted answers, after SQuAD's normalisation (lower
    case, no punctuation, no articles); an unanswerable question is right only with "". With both kinds of
    questions, also for each kind. Source: Rajpurkar et al. 2018, the SQuAD 2.0 evaluation.

    Columns gold: list of accepted answers (empty: unanswerable); prediction: str ("" is: no answer)."""
    exact, overlap, answerable = _of_rows(predictions)
    metrics = {"f1": _mean(overlap), "exact_match": _mean(exact)}
    if len(set(answerable)) == 2:
        for kind, wanted in (("answerable", True), ("unanswerable", False)):
            metrics[f"f1/{kind}"] = _mean([f for f, has in zip(overlap, answerable, strict=True) if has == wanted])
            metrics[f"exact_match/{kind}"] = _mean(
                [e for e, has in zip(exact, answerable, strict=True) if has == wanted]
            )
    return metrics


def question_answering_without(predictions: DataFrame, units: Units) -> dict[str, Floats]:
    """The metrics of `question_answering` of all units but one, for each."""
    import numpy

    exact, overlap, answerable = _of_rows(predictions)
    found = {}
    for name, scores in (("f1", overlap), ("exact_match", exact)):
        found[name] = units.mean_without(scores)
        for kind, of_kind in (("answerable", numpy.array(answerable)), ("unanswerable", ~numpy.array(answerable))):
            parts = units.total(numpy.array(scores) * of_kind), units.total(of_kind)
            found[f"{name}/{kind}"] = units.without(share, *parts)
    return found


def exact_matches(predictions: DataFrame) -> list[bool]:
    """Whether each row has the right answer."""
    return [bool(exact) for exact in _of_rows(predictions)[0]]


def answerable(predictions: DataFrame) -> list[str]:
    """What kind of question each row is: answerable or unanswerable."""
    return ["answerable" if len(answers) else "unanswerable" for answers in predictions["gold"]]


def _of_rows(predictions: DataFrame) -> tuple[list[float], list[float], list[bool]]:
    """Exact match and token F1 of each row, and whether it has an answer."""
    gold, guess = [list(answers) for answers in predictions["gold"]], list(predictions["prediction"])
    exact = [_best(_exact, answers, text) for answers, text in zip(gold, guess, strict=True)]
    overlap = [_best(_overlap, answers, text) for answers, text in zip(gold, guess, strict=True)]
    return exact, overlap, [bool(answers) for answers in gold]


def normalize_answer(text: str) -> str:
    """SQuAD's comparison form: lower case, without punctuation, articles and superfluous whitespace."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def _best(score: Callable[[str, str], float], answers: list[str], text: str) -> float:
    return max(score(answer, text) for answer in answers) if answers else float(normalize_answer(text) == "")


def _exact(answer: str, text: str) -> float:
    return float(normalize_answer(answer) == normalize_answer(text))


def _overlap(answer: str, text: str) -> float:
    gold, guess = normalize_answer(answer).split(), normalize_answer(text).split()
    common = sum((Counter(gold) & Counter(guess)).values())
    if not gold or not guess:
        return float(gold == guess)
    return 2 * common / (len(gold) + len(guess))


def _mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0
