"""Baselines without a network: what any model of ours has to beat."""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from snakelm.core.errors import UserError
from snakelm.finetune.config import TaskConfig
from snakelm.finetune.data import TaskData

if TYPE_CHECKING:
    from pandas import DataFrame


def predict(init: str, task: TaskConfig, data: TaskData, seed: int) -> tuple[DataFrame, DataFrame | None]:
    """Predictions of test and validation by a baseline learnt from the training rows.

    majority: the most frequent label (set), the mean, the most frequent choice, or each word's most frequent tag
    (unknown words: the most frequent of all). tfidf: logistic or ridge regression on TF-IDF of words and pairs of
    words; the seed has no say in either.
    """
    train = data.splits["train"]
    held_out = [data.splits["test"], data.splits.get("validation")]
    if init == "tfidf":
        answer = _tfidf(task, data)
    elif task.type == "token_classification":
        answer = _frequent_tags(train)
    elif task.type in ("text_classification", "regression", "multiple_choice"):
        answer = _constant(task, train)
    else:
        raise UserError(f"the baseline {init} does not exist for {task.type}")
    test, validation = (None if frame is None else answer(frame) for frame in held_out)
    return test, validation


def _weights(task: TaskConfig, data: TaskData) -> Any:
    """Weights of classes as scikit-learn wants them. Each of several labels has a classifier of its own, where
    weighing one label against another means nothing: there only `balanced` (rows with it and without) does."""
    if task.class_weights is None or task.multi_label and task.class_weights == "balanced":
        return task.class_weights
    from snakelm.finetune.weighting import label_weights

    golds = [[gold] if isinstance(gold, str) else gold for gold in data.splits["train"]["gold"]]
    weights = label_weights(task.class_weights, golds, data.labels or []).tolist()
    return None if task.multi_label else dict(zip(data.labels or [], weights, strict=True))


def _constant(task: TaskConfig, train: DataFrame) -> Any:
    gold = train["gold"]
    if task.type == "regression":
        guess, share = float(gold.mean()), None
    elif task.multi_label:
        counts = Counter(label for labels in gold for label in labels)
        guess, share = sorted(label for label, count in counts.items() if count > len(gold) / 2), None
    else:
        (guess, count), share = min(Counter(gold).items(), key=lambda item: (-item[1], str(item[0]))), None
        share = count / len(gold)

    def answer(frame: DataFrame) -> DataFrame:
        table = frame.assign(prediction=[guess] * len(frame))
        return table if share is None else table.assign(score=share)

    return answer


def _frequent_tags(train: DataFrame) -> Any:
    of_word: dict[str, Counter] = defaultdict(Counter)
    for words, tags in zip(train["words"], train["gold"], strict=True):
        for word, tag in zip(words, tags, strict=True):
            of_word[word][tag] += 1
    every = sum(of_word.values(), Counter())
    best = {word: min(tags, key=lambda tag, tags=tags: (-tags[tag], tag)) for word, tags in of_word.items()}
    other = min(every, key=lambda tag: (-every[tag], tag))
    return lambda frame: frame.assign(
        prediction=[[best.get(word, other) for word in words] for words in frame["words"]]
    )


def _tfidf(task: TaskConfig, data: TaskData) -> Any:
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import MultiLabelBinarizer

    train = data.splits["train"]
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

    if task.type == "regression":
        ridge = Ridge(alpha=1.0).fit(features, train["gold"])
        return lambda frame: frame.assign(prediction=ridge.predict(seen(frame)))
    linear = LogisticRegression(C=10.0, max_iter=1000, class_weight=_weights(task, data), random_state=0)
    if task.multi_label:
        marks = MultiLabelBinarizer(classes=data.labels)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a label of all rows, or of none, has been told of
            several = OneVsRestClassifier(linear).fit(features, marks.fit_transform(train["gold"]))

        def sets(frame: DataFrame) -> DataFrame:
            return frame.assign(
                prediction=[sorted(labels) for labels in marks.inverse_transform(several.predict(seen(frame)))]
            )

        return sets
    if train["gold"].nunique() < 2:
        return _constant(task, train)
    linear.fit(features, train["gold"])

    def labels(frame: DataFrame) -> DataFrame:
        chances = linear.predict_proba(seen(frame))
        return frame.assign(prediction=linear.classes_[chances.argmax(1)], score=chances.max(1))

    return labels
