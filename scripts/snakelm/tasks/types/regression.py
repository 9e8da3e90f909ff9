"""Regression: a number for a text or a pair of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from snakelm.metrics.regression import regression, regression_without
from snakelm.readers.row import Row
from snakelm.readers.rows import column
from snakelm.tasks.baselines import Answer, tfidf, tuned
from snakelm.tasks.config import LearnerClass, task_types, training_key
from snakelm.tasks.data import TaskData, Where
from snakelm.tasks.features import Features
from snakelm.tasks.labels import numbers
from snakelm.tasks.learner import Batch
from snakelm.tasks.metrics import Metrics
from snakelm.tasks.official import OfficialFormat, lines
from snakelm.tasks.texts import TextLearner, TextTask

if TYPE_CHECKING:
    import numpy as np
    import torch
    from pandas import DataFrame

    from snakelm.metrics.details import Details
    from snakelm.metrics.predicted import Predicted


def mean(task: object, data: TaskData) -> Answer:
    """Always the mean of the training rows."""
    guess = float(data.splits["train"]["gold"].mean())
    return lambda frame: frame.assign(prediction=[guess] * len(frame))


def ridge_regression(task: object, data: TaskData) -> Answer:
    """Ridge regression on TF-IDF, its penalty chosen by cross-validation."""
    from sklearn.linear_model import Ridge

    features, seen = tfidf(data.splits["train"])
    gold = data.splits["train"]["gold"].to_numpy(float)
    ridge = Ridge(solver="sparse_cg", random_state=0)
    ridge = tuned(ridge, "alpha", (0.1, 0.3, 1.0, 3.0, 10.0), features, gold, "neg_mean_squared_error")
    ridge.fit(features, gold)
    return lambda frame: frame.assign(prediction=ridge.predict(seen(frame)))


@task_types.register("regression")
class Regression(TextTask):
    """A text or a pair of texts, and a number."""

    label_column: str = Field("label", description="Column with the number.")
    standardize: bool = training_key(True, description="Whether the target is learnt in standard deviations.")

    metrics = Metrics(
        regression,
        ("pearson", "spearman", "r2", "rmse", "mae"),
        lower_is_better=frozenset({"rmse", "mae"}),
        without=regression_without,
    )
    baselines = {"majority": mean, "tfidf": ridge_regression}

    def gold_column(self) -> str | None:
        return self.label_column

    def gold_is_number(self) -> bool:
        return True

    def columns(self, rows: Sequence[Row], where: Where) -> dict[str, list[Any]]:
        cells = [column(row, self.label_column) for row in rows]
        return super().columns(rows, where) | {"gold": numbers(cells, self.label_column, where)}

    @classmethod
    def details(cls, predicted: Predicted) -> Details:
        from snakelm.metrics.details import Details
        from snakelm.metrics.errors import shown_text, wrong_rows
        from snakelm.metrics.residuals import residuals

        first = predicted.first
        gold, guess = first["gold"].to_numpy(float), first["prediction"].to_numpy(float)
        shown, said = ([f"{value:g}" for value in side] for side in (gold, guess))
        return Details(
            residuals=residuals(gold, [table["prediction"] for table in predicted]),
            errors=wrong_rows(first, gold != guess, shown_text(first), shown, said, gold - guess),
        )

    def official_format(self, row: Row) -> OfficialFormat | None:
        return lines()

    def learner(self) -> LearnerClass:
        return RegressionLearner


class RegressionLearner(TextLearner[Regression]):
    """Squared error of the target, by default in standard deviations of the training rows.

    The scale goes into the saved model, so that whoever loads it (and a learner without training rows) gets the
    target's own unit."""

    def prepare(self) -> None:
        super().prepare()
        self.mean, self.deviation = (0.0, 1.0)

    def study(self, train: DataFrame) -> None:
        gold = train["gold"].to_numpy(float)
        if self.task.standardize:
            self.mean, self.deviation = float(gold.mean()), float(gold.std()) or 1.0

    def head(self) -> dict[str, Any]:
        return {"num_labels": 1, "id2label": {0: "value"}, "label2id": {"value": 0}, "problem_type": "regression"}

    def fits(self, model: torch.nn.Module) -> bool:
        return _last_linear(model).bias is not None or _norm_before(_last_linear(model), model) is not None

    def targets(self, frame: DataFrame) -> list[float]:
        return [(gold - self.mean) / self.deviation for gold in frame["gold"]]

    def loss(self, answer: Any, batch: Batch) -> torch.Tensor:
        from torch.nn import functional

        values_B = answer.logits.float()[:, 0]
        return functional.mse_loss(values_B, batch["labels"].float(), reduction="sum")

    def decode(self, outputs: list[np.ndarray], features: Features, frame: DataFrame) -> DataFrame:
        import numpy as np

        values_B = np.stack(outputs)[:, 0].astype(float) * self.deviation + self.mean
        return frame.assign(prediction=values_B)

    def finish(self, model: Any) -> None:
        import torch

        if hasattr(model.config, "target_mean"):
            model.config.target_mean, model.config.target_std = self.mean, self.deviation
            return
        with torch.no_grad():
            head = _last_linear(model)
            head.weight.mul_(self.deviation)
            if head.bias is not None:
                head.bias.mul_(self.deviation).add_(self.mean)
                return
            # A head without a bias (GPT-2's) gets the mean from the layer norm that feeds it alone: w · w / |w|² = 1.
            weight_D = head.weight[0]
            _norm_before(head, model).bias.add_(weight_D * (self.mean / weight_D.square().sum()))


def _last_linear(model: torch.nn.Module) -> torch.nn.Linear:
    """The layer that gives the one output of a regression head."""
    import torch

    return [part for part in model.modules() if isinstance(part, torch.nn.Linear) and part.out_features == 1][-1]


def _norm_before(head: torch.nn.Linear, model: torch.nn.Module) -> torch.nn.LayerNorm | None:
    """The layer norm with a bias whose output is what the head reads, found by watching one forward pass."""
    import torch

    norms = [part for part in model.modules() if isinstance(part, torch.nn.LayerNorm) and part.bias is not None]
    made: list[tuple[torch.nn.LayerNorm, torch.Tensor]] = []
    read: list[torch.Tensor] = []
    watches = [part.register_forward_hook(lambda part, _, out: made.append((part, out))) for part in norms]
    watches.append(head.register_forward_pre_hook(lambda _, given: read.append(given[0])))
    training = model.training
    try:
        with torch.no_grad():
            ids_BL = torch.arange(4, device=head.weight.device)[None]
            model.eval()(input_ids=ids_BL, attention_mask=torch.ones_like(ids_BL))
    finally:
        model.train(training)
        for watch in watches:
            watch.remove()
    # The outputs are all still held, so an equal address means the same numbers, perhaps in another shape.
    return next((part for part, out in made if read and out.data_ptr() == read[-1].data_ptr()), None)
