"""One tag per word: part of speech, named entities."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TextIO

from pydantic import Field

from snakelm.core.console import log
from snakelm.core.errors import UserError
from snakelm.metrics.tags import NO_TAG, is_span_tag, token_classification, token_classification_without
from snakelm.readers.row import Row
from snakelm.readers.sentences import ConlluSentence
from snakelm.tasks import tagging
from snakelm.tasks.baselines import Answer
from snakelm.tasks.config import LearnerClass, TaskConfig, task_types
from snakelm.tasks.data import TaskData, Where
from snakelm.tasks.features import IGNORED, Features
from snakelm.tasks.keys import Windows
from snakelm.tasks.labelled import LabelLearner, Labelled
from snakelm.tasks.learner import Batch, softmax
from snakelm.tasks.metrics import Metrics
from snakelm.tasks.official import Answered, OfficialFormat
from snakelm.tasks.rows import read_list

if TYPE_CHECKING:
    import numpy as np
    import torch
    from pandas import DataFrame

    from snakelm.metrics.details import Details
    from snakelm.metrics.predicted import Predicted


def frequent_tags(task: object, data: TaskData) -> Answer:
    """The most frequent tag of each word; of an unknown word the most frequent of all."""
    train = data.splits["train"]
    of_word: dict[str, Counter[str]] = defaultdict(Counter)
    for words, tags in zip(train["words"], train["gold"], strict=True):
        for word, tag in zip(words, tags, strict=True):
            of_word[word][tag] += 1
    best = {word: _most_frequent(tags) for word, tags in of_word.items()}
    other = _most_frequent(sum(of_word.values(), Counter()))

    def answer(frame: DataFrame) -> DataFrame:
        predictions: list[Any] = [[best.get(word, other) for word in words] for words in frame["words"]]
        return frame.assign(prediction=predictions)

    return answer


def _most_frequent(tags: Counter[str]) -> str:
    return min(tags, key=lambda tag: (-tags[tag], tag))


def _tags(cells: Mapping[str, Any], none: str) -> list[str]:
    """The predicted tags, `none` for a word that has no token."""
    return [none if tag == NO_TAG else tag for tag in cells["prediction"] or ()]


def _write_columns(file: TextIO, answered: Iterable[Answered]) -> None:
    for _, cells in answered:
        columns = [cells["words"], *([cells["gold"]] if "gold" in cells else []), _tags(cells, "O")]
        for values in zip(*columns, strict=True):
            file.write(" ".join("_".join(value.split()) for value in values) + "\n")
        file.write("\n")


COLUMNS = OfficialFormat(".conll", _write_columns)
"""A line per word: word, right tag (where it is known), predicted tag, separated by spaces; conlleval reads it. A space
within a word is written as _, and the tag of a word that the model has no tag for as O."""


def _write_sentences(file: TextIO, answered: Iterable[Answered]) -> None:
    for row, cells in answered:
        if row.sentence is None:
            raise ValueError(f"{row.where}: is no sentence of a CoNLL file")
        file.writelines(f"{line}\n" for line in row.sentence.with_tags(_tags(cells, "_")))
        file.write("\n")


CONLLU = OfficialFormat(".conllu", _write_sentences)
"""The sentences as they are in the source, with the predicted tags in the place of the right ones, and _ for a word
that the model has no tag for."""


@task_types.register("token_classification")
class TokenClassification(Windows, Labelled):
    """Words and a tag for each (parts of speech; entities in IOB1, IOB2 or BIOES)."""

    words_column: str = Field("words", description="Column with the list of words (or words separated by whitespace).")
    tags_column: str = Field("tags", description="Column with the list of tags, one per word.")
    tag_scheme: Literal["auto", "strict", "iob1", "iob2", "bioes", "none"] = Field(
        "auto",
        description="How spans are marked: auto finds it from the tags, IOB1 is rewritten as IOB2, and an invalid "
        "order of tags is repaired as conlleval and seqeval read it; strict refuses it, none takes tags as they are.",
    )

    metrics = Metrics(
        token_classification,
        ("f1", "accuracy", "precision", "recall", "f1_macro"),
        without=token_classification_without,
    )
    inputs = ("words",)
    baselines = {"majority": frequent_tags}
    empty_answers = TaskConfig.empty_answers | {"_"}

    def text_columns(self) -> list[str]:
        return [self.words_column]

    def gold_column(self) -> str | None:
        return self.tags_column

    def columns(self, rows: Sequence[Row], where: Where) -> dict[str, list[Any]]:
        all_words, all_tags = [], []
        for row in rows:
            words, tags = (read_list(row, name) for name in (self.words_column, self.tags_column))
            if len(words) != len(tags):
                raise UserError(f"{row.where}: {len(words)} words but {len(tags)} tags")
            for position, word in enumerate(words):
                _check_not_empty(word, "word", position, row)
                _check_not_empty(tags[position], "tag", position, row)
            all_words.append(words)
            all_tags.append(self.named(tags, row.where))
        return {"words": all_words, "gold": all_tags}

    def input_columns(self, rows: Sequence[Row], where: Where) -> dict[str, list[Any]]:
        all_words = [read_list(row, self.words_column) for row in rows]
        for row, words in zip(rows, all_words, strict=True):
            for position, word in enumerate(words):
                _check_not_empty(word, "word", position, row)
        return {"words": all_words}

    def check_rows(self, frames: Mapping[str, DataFrame], where: Mapping[str, Where]) -> None:
        """All tags have to be of one scheme; IOB1 becomes IOB2, and an invalid order of tags is repaired and told."""
        scheme = self._scheme(frames)
        if scheme == "none":
            return
        for split, frame in frames.items():
            invalid: list[str] = []
            for number, tags in zip(frame["row"], frame["gold"], strict=True):
                place = where[split](number)
                tagging.check(tags, scheme, place)
                invalid += [f"{place}: {what}" for what in tagging.violations(tags, scheme)]
                if invalid and self.tag_scheme == "strict":
                    raise UserError(f"{invalid[0]}; leave tag_scheme: strict out to have such tags repaired")
            if invalid:
                log.warning(
                    f"{split}: {len(invalid):,} invalid tags are read as conlleval and seqeval read them"
                    f" (first: {invalid[0]}); tag_scheme: strict refuses them"
                )
            if invalid or scheme == "iob1":
                frame["gold"] = [tagging.rewritten(tags, scheme) for tags in frame["gold"]]

    def _scheme(self, frames: Mapping[str, DataFrame]) -> str:
        if self.tag_scheme not in ("auto", "strict"):
            return self.tag_scheme
        return tagging.detect([tags for frame in frames.values() for tags in frame["gold"]])

    def find_labels(self, frames: Mapping[str, DataFrame], where: Mapping[str, Where]) -> list[str]:
        found = tagging.complete([tag for tags in frames["train"]["gold"] for tag in tags], self._scheme(frames))
        labels = self.given_labels() or found
        self.check_all_known(labels, frames, where)
        spans = any(is_span_tag(label) for label in labels)
        if self.metric is not None and self.metric != "accuracy" and spans == (self.metric == "f1_macro"):
            kind, others = ("mark", "f1 or accuracy") if spans else ("do not mark", "accuracy or f1_macro")
            raise UserError(f"metric {self.metric} is not computed here: the tags {kind} spans; take {others}")
        if len(labels) < 2:
            raise UserError(f"train: all words have one tag, {labels[0]!r}; a classification needs two")
        return list(labels)

    def untrained_labels(self, labels: Sequence[str], train: DataFrame) -> list[str]:
        seen = {tag for tags in train["gold"] for tag in tags}
        return [label for label in super().untrained_labels(labels, train) if not tagging.is_implied(label, seen)]

    @classmethod
    def details(cls, predicted: Predicted) -> Details:
        from snakelm.metrics.classes import class_scores, confusion, in_order
        from snakelm.metrics.details import Details
        from snakelm.metrics.errors import wrong_words
        from snakelm.metrics.probabilities import calibration
        from snakelm.metrics.tags import entity_marks, mark_spans, tag_marks

        gold = [list(row) for row in predicted.first["gold"]]
        guesses = [[list(row) for row in table["prediction"]] for table in predicted]
        flat, *flat_guesses = ([tag for row in rows for tag in row] for rows in (gold, *guesses))
        spans = mark_spans(set(flat))
        marks, names = (entity_marks if spans else tag_marks)(gold, guesses, predicted.labels)
        tags = in_order(predicted.labels, [*flat, *(tag for each in flat_guesses for tag in each)])
        chances = [[c for row in table["score"] for c in row] for table in predicted if "score" in table]
        right = [[a == b for a, b in zip(flat, each, strict=True)] for each in flat_guesses]
        return Details(
            classes=class_scores(predicted, marks, names, "entities" if spans else "words"),
            confusion=confusion(predicted, flat, flat_guesses, tags, "words"),
            calibration=calibration(predicted, chances, right, "words") if chances else None,
            errors=wrong_words(predicted.first),
        )

    def official_format(self, row: Row) -> OfficialFormat | None:
        return CONLLU if isinstance(row.sentence, ConlluSentence) else COLUMNS

    def learner(self) -> LearnerClass:
        return TokenClassificationLearner


def _check_not_empty(text: str, what: str, position: int, row: Row) -> None:
    if not text.strip():
        raise UserError(f"{row.where}: {what} {position + 1} is empty")


class TokenClassificationLearner(LabelLearner[TokenClassification]):
    """Words joined by spaces, as a pipeline would be given them; the first token of a word stands for it.

    Rows longer than max_length are read in windows that overlap by `stride` tokens; a word is learnt and predicted
    in the window where it is farthest from an edge. A word of which the tokenizer leaves nothing has the
    prediction NO_TAG, which counts as an error.
    """

    auto_class = "AutoModelForTokenClassification"

    def features(self, frame: DataFrame, split: str) -> Features:
        encoded = self.tokenizer(
            [" ".join(words) for words in frame["words"]],
            truncation=True,
            max_length=self.max_length,
            stride=min(self.task.stride, self.max_length // 2),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
            return_attention_mask=False,
        )
        rows = list(encoded["overflow_to_sample_mapping"])
        firsts = []  # per feature: word → position of its first token
        for number, row in enumerate(rows):
            offsets, special = encoded["offset_mapping"][number], encoded["special_tokens_mask"][number]
            firsts.append(_first_tokens(frame["words"].iloc[row], offsets, special))
        lengths = [len(ids) for ids in encoded["input_ids"]]
        words = _best_windows(rows, firsts, lengths)
        lost = sum(map(len, frame["words"])) - sum(map(len, words))
        remark = f"the tokenizer leaves nothing of {lost:,} words: they count as errors" if lost else None
        names = ("input_ids", "token_type_ids")
        columns = {name: list(encoded[name]) for name in names if name in encoded}
        if split != "test":
            columns["labels"] = []
            for row, length, positions in zip(rows, lengths, words, strict=True):
                labels, gold = [IGNORED] * length, frame["gold"].iloc[row]
                for word, position in positions.items():
                    labels[position] = self.ids.get(gold[word], IGNORED)
                columns["labels"].append(labels)
        return Features(
            columns, rows, {"words": [list(map(list, positions.items())) for positions in words]}, remark=remark
        )

    def items(self, batch: Batch) -> int:
        return int((batch["labels"] != IGNORED).sum())

    def loss(self, answer: Any, batch: Batch) -> torch.Tensor:
        from torch.nn import functional

        logits_BLC, labels_BL = answer.logits.float(), batch["labels"]
        loss_BL = functional.cross_entropy(
            logits_BLC.transpose(1, 2),
            labels_BL,
            ignore_index=IGNORED,
            reduction="none",
            label_smoothing=self.task.label_smoothing,
        )
        if self.weights is not None:
            loss_BL = loss_BL * self.weights.to(loss_BL.device)[labels_BL.clamp(min=0)]
        return loss_BL.sum()

    def decode(self, outputs: list[np.ndarray], features: Features, frame: DataFrame) -> DataFrame:
        predictions: list[Any] = [[NO_TAG] * len(words) for words in frame["words"]]
        scores: list[Any] = [[0.0] * len(words) for words in frame["words"]]
        for logits_LC, row, words in zip(outputs, features.row, features.notes["words"], strict=True):
            chances_LC = softmax(logits_LC)
            for word, position in words:
                best = int(chances_LC[position].argmax())
                predictions[row][word], scores[row][word] = self.labels[best], float(chances_LC[position, best])
        return frame.assign(prediction=predictions, score=scores)


def _first_tokens(words: list[str], offsets: list[tuple[int, int]], special: list[int]) -> dict[int, int]:
    """Word → position of the first token that covers its first character, for the words joined by spaces."""
    starts, at = {}, 0
    for word, text in enumerate(words):
        starts[at] = word
        at += len(text) + 1
    firsts: dict[int, int] = {}
    for position, ((begin, end), is_special) in enumerate(zip(offsets, special, strict=True)):
        if not is_special:
            for character in range(begin, end):
                if character in starts:
                    firsts.setdefault(starts[character], position)
    return firsts


def _best_windows(rows: list[int], firsts: list[dict[int, int]], lengths: list[int]) -> list[dict[int, int]]:
    """Leave each word only in the window of its row where it is farthest from an edge."""
    best: dict[tuple[int, int], tuple[int, int]] = {}
    for number, (row, positions, length) in enumerate(zip(rows, firsts, lengths, strict=True)):
        for word, position in positions.items():
            room = min(position, length - 1 - position)
            if (row, word) not in best or room > best[row, word][0]:
                best[row, word] = (room, number)
    return [
        {word: position for word, position in positions.items() if best[rows[number], word][1] == number}
        for number, positions in enumerate(firsts)
    ]
