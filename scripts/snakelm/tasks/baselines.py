"""Baselines without a network: what any model of ours has to beat. Each type says which of them exist for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from snakelm.core.errors import UserError
from snakelm.tasks.data import TaskData

if TYPE_CHECKING:
    from pandas import DataFrame

BASELINES = ("majority", "tfidf")
"""The usual ones: the most frequent answer (the mean; the most frequent tag of each word), and a linear model on
TF-IDF of words and pairs of words."""

Answer: TypeAlias = "Callable[[DataFrame], DataFrame]"
"""Rows → the same with their predictions."""
Baseline: TypeAlias = Callable[[Any, TaskData], Answer]
"""Learns from the training rows, given the task's config (of whatever type). No baseline depends on the seed."""


def most_frequent(task: object, data: TaskData) -> Answer:
    """Always the most frequent of the training rows' answers; its share of them is the score."""
    gold = data.splits["train"]["gold"]
    guess, count = min(Counter(gold).items(), key=lambda item: (-item[1], str(item[0])))
    return lambda frame: frame.assign(prediction=[guess] * len(frame), score=count / len(gold))


def tfidf(train: DataFrame) -> tuple[Any, Callable[[DataFrame], Any]]:
    """TF-IDF of words and pairs of words of the text and, apart, of its pair: (matrix of the training rows, frame →
    matrix). Words are runs of word characters, and each other character that is no whitespace."""
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer

    sides = [name for name in ("text", "text_pair") if name in train]
    vectors = {
        name: TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[^\w\s]") for name in sides
    }
    try:
        features = hstack([vectors[name].fit_transform(train[name]) for name in sides]).tocsr()
    except ValueError:
        raise UserError("tfidf: the training texts have no words") from None

    def seen(frame: DataFrame) -> Any:
        return hstack([vectors[name].transform(frame[name]) for name in sides]).tocsr()

    return features, seen
