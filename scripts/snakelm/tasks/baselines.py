"""Baselines without a network: what any model of ours has to beat. Each type says which of them exist for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from snakelm.core.errors import UserError
from snakelm.tasks.data import TaskData

if TYPE_CHECKING:
    from pandas import DataFrame

Answer: TypeAlias = "Callable[[DataFrame], DataFrame]"
"""Rows → the same with their predictions."""
Baseline: TypeAlias = Callable[[Any, TaskData], Answer]
"""Learns from the training rows, given the task's config (of whatever type). No baseline depends on the seed: one run
stands for all seeds and all models. Of the training keys it sees the defaults, and no change to them makes it again,
but for those that it is marked with (`uses`).

The usual ones are `majority` (the most frequent answer, the mean, the most frequent tag of each word) and `tfidf` (a
linear model on TF-IDF of words and characters); a type may have others."""

BaselineT = TypeVar("BaselineT", bound=Callable[..., Any])


def uses(*training_keys: str) -> Callable[[BaselineT], BaselineT]:
    """Decorator: the training keys of its task that a baseline reads."""

    def mark(baseline: BaselineT) -> BaselineT:
        baseline.training_keys = frozenset(training_keys)  # type: ignore[attr-defined]  # functions may have attributes
        return baseline

    return mark


def used_by(baseline: Baseline) -> frozenset[str]:
    """The training keys that a baseline was marked with."""
    found: frozenset[str] = getattr(baseline, "training_keys", frozenset())
    return found


def most_frequent(task: object, data: TaskData) -> Answer:
    """Always the most frequent of the training rows' answers; its share of them is the score."""
    gold = data.splits["train"]["gold"]
    guess, count = min(Counter(gold).items(), key=lambda item: (-item[1], str(item[0])))
    return lambda frame: frame.assign(prediction=[guess] * len(frame), score=count / len(gold))


FOLDS = 3
ROWS_TO_TUNE_ON = 5000
"""Rows, at most, on which the regularisation is chosen: more would cost much and change little."""


def tfidf(train: DataFrame) -> tuple[Any, Callable[[DataFrame], Any]]:
    """TF-IDF of a text, or of a pair: (matrix of the training rows, frame → matrix).

    A text's vector is that of its words and pairs of words (runs of word characters, and each other character that is
    no whitespace) beside that of its character n-grams of 2 to 5 within words. Both sides of a pair are vectors of one
    vocabulary; what a linear model cannot make of them itself stands beside them: their products, their absolute
    differences, and the cosines of words and of characters.
    """
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import TfidfVectorizer

    sides = [name for name in ("text", "text_pair") if name in train]
    texts = [text for name in sides for text in train[name]]
    views = [
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[^\w\s]"),
        TfidfVectorizer(ngram_range=(2, 5), sublinear_tf=True, analyzer="char_wb"),
    ]
    try:
        for view in views:
            view.fit(texts)
    except ValueError:
        raise UserError("tfidf: the training texts have no words") from None

    def seen(frame: DataFrame) -> Any:
        parts = []
        for view in views:
            vectors = [view.transform(frame[name]) for name in sides]
            parts += vectors
            if len(vectors) == 2:
                product = vectors[0].multiply(vectors[1]).tocsr()
                cosine = csr_matrix(product.sum(1))  # the vectors have length 1
                parts += [product, abs(vectors[0] - vectors[1]), cosine]
        return hstack(parts).tocsr()

    return seen(train), seen


def tuned(model: Any, key: str, values: Sequence[float], features: Any, gold: Any, scoring: str) -> Any:
    """The model, not yet fitted, with the value of its regularisation `key` that is best in cross-validation on the
    training rows; the middle one where there are too few rows (or labels) to tell."""
    import warnings

    import numpy
    from sklearn.base import clone
    from sklearn.model_selection import KFold, cross_val_score

    rows = numpy.random.default_rng(0).permutation(features.shape[0])[:ROWS_TO_TUNE_ON]
    folds = KFold(FOLDS)
    scores = []
    for value in values:
        one = clone(model).set_params(**{key: value})
        if len(rows) < 10 * FOLDS:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a fold without some label
            found = cross_val_score(one, features[rows], gold[rows], cv=folds, scoring=scoring, error_score=numpy.nan)
        scores.append(float(numpy.mean(found)))
    best = int(numpy.nanargmax(scores)) if scores and not all(map(numpy.isnan, scores)) else len(values) // 2
    return clone(model).set_params(**{key: values[best]})
