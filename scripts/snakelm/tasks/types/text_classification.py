"""Classification of texts or pairs of texts, by one label or several."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from snakelm.core.errors import UserError
from snakelm.metrics.classification import text_classification, text_classification_without
from snakelm.readers.row import Row
from snakelm.readers.rows import column, has_column
from snakelm.tasks.baselines import Answer, most_frequent, tfidf, tuned, uses
from snakelm.tasks.chances import UNTUNED, best_threshold, chance_column, decided, with_chances
from snakelm.tasks.config import LearnerClass, task_types, training_key
from snakelm.tasks.data import TaskData, Where
from snakelm.tasks.features import IGNORED, Features
from snakelm.tasks.labelled import LabelLearner, Labelled, Labels, refuse_twice
from snakelm.tasks.labels import (
    bin_names,
    binned,
    folder_name,
    infer,
    is_unmarked,
    label_sets,
    numbers,
    one_hot,
    read_labels,
)
from snakelm.tasks.learner import Batch, softmax
from snakelm.tasks.metrics import Metrics
from snakelm.tasks.official import OfficialFormat, lines
from snakelm.tasks.texts import TextLearner, TextTask

if TYPE_CHECKING:
    import numpy as np
    import torch
    from pandas import DataFrame

    from snakelm.metrics.details import Details
    from snakelm.metrics.predicted import Predicted


PENALTIES = (1.0, 3.0, 10.0, 30.0, 100.0)
"""Values of logistic regression's C that are tried."""


def frequent_labels(task: TextClassification, data: TaskData) -> Answer:
    """Always the most frequent label; of several labels those that most rows have."""
    if not task.multi_label:
        return most_frequent(task, data)
    gold = data.splits["train"]["gold"]
    counts = Counter(label for labels in gold for label in labels)
    guess: Any = sorted(label for label, count in counts.items() if count > len(gold) / 2)
    return lambda frame: frame.assign(prediction=[guess] * len(frame))


@uses("class_weights")
def logistic_regression(task: TextClassification, data: TaskData) -> Answer:
    """Logistic regression on TF-IDF, its penalty chosen by cross-validation; of several labels one for each."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import MultiLabelBinarizer

    train = data.splits["train"]
    features, seen = tfidf(train)
    linear = LogisticRegression(max_iter=1000, class_weight=_weights(task, data), random_state=0)
    if task.multi_label:
        marks = MultiLabelBinarizer(classes=data.labels)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a label of all rows, or of none, has been told of
            gold_RL = marks.fit_transform(train["gold"])
            several = tuned(OneVsRestClassifier(linear), "estimator__C", PENALTIES, features, gold_RL, "f1_micro")
            several.fit(features, gold_RL)

        def sets(frame: DataFrame) -> DataFrame:
            chances_RL = several.predict_proba(seen(frame))
            chances_RL = chances_RL[:, -len(marks.classes) :]  # a lone label has its contrary beside it
            return decided(with_chances(frame, marks.classes, chances_RL), marks.classes, UNTUNED)

        return sets
    if train["gold"].nunique() < 2:
        return most_frequent(task, data)
    gold = train["gold"].to_numpy()
    linear = tuned(linear, "C", PENALTIES, features, gold, "accuracy").fit(features, gold)

    def labels(frame: DataFrame) -> DataFrame:
        chances = linear.predict_proba(seen(frame))
        table = frame.assign(prediction=linear.classes_[chances.argmax(1)], score=chances.max(1))
        return with_chances(table, linear.classes_, chances, data.labels or [])

    return labels


def _weights(task: TextClassification, data: TaskData) -> Any:
    """Weights of classes as scikit-learn wants them. Each of several labels has a classifier of its own, where
    weighing one label against another means nothing: there only `balanced` (rows with it and without) does."""
    if task.class_weights is None or task.multi_label and task.class_weights == "balanced":
        return task.class_weights
    from snakelm.tasks.weighting import label_weights

    golds = task.labels_of(data.splits["train"])
    weights = label_weights(task.class_weights, golds, data.labels or []).tolist()
    return None if task.multi_label else dict(zip(data.labels or [], weights, strict=True))


@task_types.register("text_classification")
class TextClassification(TextTask, Labelled):
    """A text or a pair of texts, and a label, or several."""

    label_column: str = Field("label", description="Column with the label.")
    label_from: Literal["column", "folder"] = Field(
        "column",
        description="Where the label stands: in label_column, or in the name of the folder that holds the row's file "
        "(one folder per class, as in `files: data/*/*.txt`).",
    )
    multi_label: bool = Field(False, description="Whether a row may have any number of labels.")
    label_columns: list[Annotated[str, Field(min_length=1)]] | None = Field(
        None,
        description="Columns of several labels per row: one for each label, called like it, that holds 0 or 1 (or "
        "false or true). They make multi_label true.",
        min_length=1,
    )
    threshold: Literal["tuned"] | Annotated[float, Field(gt=0, lt=1)] = training_key(
        "tuned",
        description="With several labels per row: the probability above which a label is predicted; tuned: the one "
        "with the best micro-F1 on validation, for all labels alike (0.5 without validation rows).",
        changes_features=False,
    )
    label_separator: str = Field(",", description="What separates several labels in one cell.", min_length=1)
    bins: list[float] | None = Field(
        None,
        description="Edges that cut a numeric label column into classes: [1790, 1840, 1890] makes 1790 ≤ x < 1840 "
        "and 1840 ≤ x ≤ 1890.",
        min_length=3,
    )
    bin_names: Labels | None = Field(None, description="Names of the classes that `bins` makes, one per interval.")

    metrics = Metrics(
        text_classification,
        ("accuracy", "f1_micro", "f1_macro", "mcc", "exact_match"),
        without=text_classification_without,
    )
    baselines = {"majority": frequent_labels, "tfidf": logistic_regression}

    @model_validator(mode="before")
    @classmethod
    def _columns_of_several(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("label_columns") is not None:
            return {"multi_label": True, **given}
        return given

    @model_validator(mode="after")
    def _check_where_labels_stand(self) -> TextClassification:
        refuse_twice("label_columns", self.label_columns)
        if self.label_columns is not None:
            for key in ("labels", "label_names", "bins"):
                if getattr(self, key) is not None:
                    raise ValueError(f"label_columns name the labels: leave {key} out")
            if not self.multi_label or self.label_from != "column" or self.label_column != "label":
                raise ValueError("label_columns: leave multi_label, label_from and label_column out")
        if self.label_from == "folder" and (self.multi_label or self.label_column != "label"):
            raise ValueError("label_from: folder gives each row one label: leave multi_label and label_column out")
        if self.threshold != "tuned" and not self.multi_label:
            raise ValueError("threshold is of several labels per row: set multi_label: true, or leave it out")
        return self

    @model_validator(mode="after")
    def _check_bins(self) -> TextClassification:
        if self.bins is not None:
            if any(low >= high for low, high in zip(self.bins, self.bins[1:], strict=False)):
                raise ValueError("bins must rise from each edge to the next")
            if self.labels is not None or self.label_names is not None or self.multi_label:
                raise ValueError(
                    "bins make the labels: leave labels, label_names and multi_label out (bin_names names them)"
                )
        if self.bin_names is not None and len(self.bin_names) != len(self.bins or []) - 1:
            raise ValueError(f"bin_names needs {max(len(self.bins or []) - 1, 0)} names, one per interval of bins")
        refuse_twice("bin_names", self.bin_names)
        return self

    @model_validator(mode="after")
    def _check_metric(self) -> TextClassification:
        one, several = ("accuracy", "f1_macro", "mcc"), ("f1_micro", "f1_macro", "exact_match")
        if self.metric is not None and self.metric not in (several if self.multi_label else one):
            raise ValueError(
                f"metric {self.metric} is of {'one label' if self.multi_label else 'several labels'} per row;"
                f" take {', '.join(several if self.multi_label else one)}"
            )
        return self

    def fewest_labels(self) -> int:
        return 1 if self.multi_label else 2

    def given_labels(self) -> Sequence[str] | None:
        return self.bin_names or self.label_columns or super().given_labels()

    def gold_column(self) -> str | None:
        return None if self.multi_label or self.label_from == "folder" else self.label_column

    def label_sources(self) -> Sequence[str]:
        return [] if self.label_from == "folder" else self.label_columns or [self.label_column]

    def reads_paths(self) -> bool:
        return self.label_from == "folder" or super().reads_paths()

    def may_have_no_label(self) -> bool:
        return self.multi_label

    def lacks_label(self, row: Row) -> bool:
        if self.label_columns is not None:
            return any(is_unmarked(row, name) for name in self.label_columns)
        return self.multi_label and not has_column(row, self.label_column)

    def answer_column(self) -> str | None:
        return self.label_columns[0] if self.label_columns is not None else self.label_column

    def gold_is_number(self) -> bool:
        return self.bins is not None

    def columns(self, rows: Sequence[Row], where: Where) -> dict[str, list[Any]]:
        columns = super().columns(rows, where)
        if self.label_columns is not None:
            return columns | {"gold": one_hot(rows, self.label_columns, self.missing_labels == "empty")}
        cells = [self._cell(row) for row in rows]
        if self.bins is not None:
            values = numbers(cells, self.label_column, where)
            return columns | {"gold": binned(values, self.bins, bin_names(self.bins, self.bin_names), where)}
        if self.multi_label:
            sets = label_sets(cells, self.label_column, self.label_separator, where)
            return columns | {"gold": [sorted(set(self.named(labels, where(row)))) for row, labels in enumerate(sets)]}
        names = read_labels(cells, self.label_column, where)
        return columns | {"gold": [self.named([name], where(row))[0] for row, name in enumerate(names)]}

    def _cell(self, row: Row) -> object:
        if self.label_from == "folder":
            return folder_name(row)
        if self.multi_label and self.missing_labels == "empty" and not has_column(row, self.label_column):
            return None
        return column(row, self.label_column)

    def find_labels(self, frames: Mapping[str, DataFrame], where: Mapping[str, Where]) -> list[str]:
        if self.bins is not None:
            return bin_names(self.bins, self.bin_names)
        labels = self.given_labels() or infer(label for row in self.labels_of(frames["train"]) for label in row)
        self.check_all_known(labels, frames, where)
        if len(labels) < self.fewest_labels():
            found = f"all rows have one label, {labels[0]!r}" if labels else "no row has a label"
            least = "at least one" if self.multi_label else "two"
            raise UserError(f"train: {found}; a classification needs {least}")
        return list(labels)

    def tuned(self, validation: DataFrame | None, labels: Sequence[str] | None) -> dict[str, float]:
        if not self.multi_label:
            return {}
        if self.threshold != "tuned":
            return {"threshold": self.threshold}
        if validation is None or not _has_chances(validation, labels):
            return {"threshold": UNTUNED}
        return {"threshold": best_threshold(validation, labels or [])}

    def decide(self, predictions: DataFrame, labels: Sequence[str] | None, tuned: Mapping[str, float]) -> DataFrame:
        if not self.multi_label or not _has_chances(predictions, labels):
            return predictions
        return decided(predictions, labels or [], tuned.get("threshold", UNTUNED))

    @classmethod
    def details(cls, predicted: Predicted) -> Details:
        import numpy as np

        from snakelm.metrics.classes import Marks, class_scores, confusion, in_order
        from snakelm.metrics.details import Details
        from snakelm.metrics.errors import shown_labels, shown_text, wrong_rows
        from snakelm.metrics.probabilities import aurocs, calibration

        first = predicted.first
        one = isinstance(first["gold"].iloc[0], str)
        gold, *guesses = (
            [[cell] if one else list(cell) for cell in cells]
            for cells in (first["gold"], *(table["prediction"] for table in predicted))
        )
        labels = in_order(predicted.labels, [label for rows in (gold, *guesses) for row in rows for label in row])
        ids = {label: number for number, label in enumerate(labels)}
        has = {label: np.array([label in row for row in gold]) for label in labels}
        columns = {label: chance_column(label) for label in labels if chance_column(label) in first}
        curves = aurocs(predicted, has, columns, one)
        if one:
            chances: Any = [table["score"] for table in predicted if "score" in table]
            right: Any = [[a == b for a, b in zip(gold, guess, strict=True)] for guess in guesses]
        else:
            chances = [table[list(columns.values())].to_numpy(float).ravel() for table in predicted if columns]
            right = [np.stack([has[label] for label in columns], 1).ravel() for _ in chances]
        wrong = [set(a) != set(b) for a, b in zip(gold, guesses[0], strict=True)]
        marks = [Marks.of_sets(gold, guess, ids) for guess in guesses]
        flat, *flat_guesses = ([row[0] if row else "" for row in rows] for rows in (gold, *guesses))
        return Details(
            classes=class_scores(predicted, marks, labels, "rows", curves.by_label(labels)),
            confusion=confusion(predicted, flat, flat_guesses, labels, "rows") if one else None,
            auroc=curves.macro,
            calibration=calibration(predicted, chances, right, "rows" if one else "labels") if chances else None,
            errors=wrong_rows(
                first, wrong, shown_text(first), shown_labels(first["gold"]), shown_labels(first["prediction"])
            ),
        )

    def official_format(self, row: Row) -> OfficialFormat | None:
        return lines(self.label_separator.join if self.multi_label else str)

    def learner(self) -> LearnerClass:
        return TextClassificationLearner


def _has_chances(predictions: DataFrame, labels: Sequence[str] | None) -> bool:
    """Whether the table has chances to decide by: a constant guess has none."""
    return bool(labels) and all(chance_column(label) in predictions for label in labels or [])


class TextClassificationLearner(TextLearner[TextClassification], LabelLearner[TextClassification]):
    """Cross-entropy over the labels; with several labels per row binary cross-entropy of each."""

    def head(self) -> dict[str, Any]:
        problem = "multi_label_classification" if self.task.multi_label else "single_label_classification"
        return {**super().head(), "problem_type": problem}

    def targets(self, frame: DataFrame) -> list[Any]:
        if not self.task.multi_label:
            return [self.ids.get(gold, IGNORED) for gold in frame["gold"]]
        return [[float(label in gold) for label in self.ids] for gold in frame["gold"]]

    def items(self, batch: Batch) -> int:
        return len(batch["labels"]) if self.task.multi_label else int((batch["labels"] != IGNORED).sum())

    def loss(self, answer: Any, batch: Batch) -> torch.Tensor:
        from torch.nn import functional

        logits_BC, labels = answer.logits.float(), batch["labels"]
        weights_C = None if self.weights is None else self.weights.to(logits_BC.device)
        smoothing = self.task.label_smoothing
        if not self.task.multi_label:
            loss_B = functional.cross_entropy(logits_BC, labels, reduction="none", label_smoothing=smoothing)
            return (loss_B if weights_C is None else loss_B * weights_C[labels.clamp(min=0)]).sum()
        targets_BC = labels.float() * (1 - smoothing) + smoothing / 2
        loss_BC = functional.binary_cross_entropy_with_logits(logits_BC, targets_BC, reduction="none")
        return (loss_BC if weights_C is None else loss_BC * weights_C).mean(1).sum()

    def decode(self, outputs: list[np.ndarray], features: Features, frame: DataFrame) -> DataFrame:
        import numpy as np

        logits_BC = np.stack(outputs)
        if self.task.multi_label:
            table = with_chances(frame, self.labels, 1 / (1 + np.exp(-logits_BC)))
            return self.task.decide(table, self.labels, {})
        chances_BC = softmax(logits_BC)
        predictions = [self.labels[number] for number in chances_BC.argmax(1)]
        return with_chances(frame.assign(prediction=predictions, score=chances_BC.max(1)), self.labels, chances_BC)
