"""A finished fine-tuning at work: rows that nobody has labelled → its predictions, by the code that predicted its test.

Not a part of the stage: nothing here is in the id of a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from snakelm.architectures.outside import read_config
from snakelm.artifacts import records
from snakelm.core.console import log
from snakelm.core.errors import UserError
from snakelm.finetune.config import FinetuneConfig
from snakelm.finetune.network import claim_gpu, on_device, set_up
from snakelm.finetune.predict import predict
from snakelm.finetune.results import PREDICTOR, Fitted
from snakelm.finetune.rows import empty_text, task_rows
from snakelm.finetune.weights import load_finished, load_tokenizer, network_of, set_inputs
from snakelm.readers.row import Row
from snakelm.tasks.data import TaskData

SPLIT = "test"
"""What the learner takes the rows for: those of a test carry no labels."""


class Predictor:
    """The model of a finished run with all that its predictions need.

    Args:
        folder: the run's folder, whose files are whole.
        config: what the run was made with.
        threads: CPU threads to use.

    Raises UserError where the folder holds no fitted model.
    """

    def __init__(self, folder: Path, config: FinetuneConfig, threads: int):
        try:
            fitted = records.read(Fitted, folder / PREDICTOR)
        except FileNotFoundError:
            raise UserError(
                f"{folder}: was made by a version of SnakeLM that kept no {PREDICTOR} with its models; attempt: 2 in"
                " the task makes the run again"
            ) from None
        except ValueError:
            raise UserError(f"{folder / PREDICTOR}: cannot be read; restore it") from None
        claim_gpu(config.task.gpus)
        set_up(threads)
        self.task = config.task.at(fitted.point)
        self.text_columns = self._text_columns()
        # Which rows are worth learning from is no question here: each gets its prediction.
        everything = {"min_chars": 1, "max_chars": None, "empty_texts": "keep"}
        self._lenient = self.task.model_copy(update=everything)
        tokenizer = load_tokenizer(folder)
        set_inputs(tokenizer, network_of(read_config(folder)))
        self._data = TaskData({}, fitted.labels, {})
        self._tuned = fitted.tuned
        learner_class = self._lenient.learner()
        self.learner = learner_class(self._lenient, self._data, tokenizer, fitted.max_length, fitted.network)
        for name, value in fitted.facts.items():
            setattr(self.learner, name, value)
        self.model = on_device(load_finished(self.learner, folder))
        self.model.eval()
        self.empty = 0
        """Rows so far that got no prediction, since their text is empty (but with empty_texts: keep)."""
        self.added: list[str] = []
        """Names of the columns that predictions add, known after the first rows: prediction, score and the like."""
        self._remarked = False

    def __call__(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """Of each row its cells in the task's table of predictions, of which those in `added` are the predictions;
        these are None where the text is empty. UserError for a row that cannot be used."""
        self._data.where[SPLIT] = lambda number: rows[number].where
        is_labelled = self.task.answer_column() is None
        frame = task_rows(rows, self._lenient, SPLIT, labelled=is_labelled)
        features = self.learner.features(frame, SPLIT)
        if features.remark and not self._remarked:
            log.warning(features.remark)
            self._remarked = True
        table, _ = predict(self.learner, self.model, features, frame)
        table = self.task.decide(table, self._data.labels, self._tuned)
        self.added = [str(name) for name in table.columns if name not in frame and name != "gold"]
        found: list[dict[str, Any]] = table.to_dict("records")  # type: ignore[assignment]
        for row, cells in zip(rows, found, strict=True):
            if self.task.empty_texts != "keep" and empty_text(row, self.text_columns):
                cells.update(dict.fromkeys(self.added))
                self.empty += 1
        return found

    def _text_columns(self) -> list[str]:
        return [name for name in self.task.text_columns() if name != self.task.answer_column()]
