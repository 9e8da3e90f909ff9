"""Rows as their source has them → rows of a task: the same few columns for every source, checked row by row.

The data frame of a task type (index 0…n−1) has `row`, the row's number in its source from 0, and

    text_classification, regression   text, text_pair where there are pairs, gold (str, list of str, float)
    token_classification              words, gold: lists of str of equal length
    question_answering                question, context, gold: list of str, starts: list of int
    multiple_choice                   text, choices: list of str, gold: int
    summarization, translation        text (the source), gold (the target)
    language_modeling                 text
    minimal_pairs                     good, bad, phenomenon
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from snakelm.core.console import log
from snakelm.core.errors import UserError
from snakelm.finetune import tagging
from snakelm.finetune.config import TaskConfig
from snakelm.finetune.labels import Where, binned, is_missing, is_missing_list, label_names, label_sets, listed, numbers
from snakelm.finetune.labels import bin_names as names_of_bins
from snakelm.readers.row import Row
from snakelm.readers.rows import column

if TYPE_CHECKING:
    from pandas import DataFrame

INPUTS: dict[str, tuple[str, ...]] = {
    "text_classification": ("text", "text_pair"),
    "regression": ("text", "text_pair"),
    "token_classification": ("words",),
    "question_answering": ("question", "context"),
    "multiple_choice": ("text", "choices"),
    "summarization": ("text",),
    "translation": ("text",),
    "language_modeling": ("text",),
    "minimal_pairs": ("good", "bad"),
}
"""What the model sees of a row: two rows with the same are duplicates."""


def task_rows(rows: Sequence[Row], task: TaskConfig, split: str, source: str = "") -> DataFrame:
    """The rows of one split in the task's columns (see the module's docstring); `source` is what messages call them.

    Raises UserError with file, line and column for the first row that cannot be used; rows without a label or
    text are dropped and counted where the recipe says so. Rows outside min_chars…max_chars are left out.
    """
    import pandas

    if not rows:
        raise UserError(f"{split}: {source or 'the source'} has no rows")
    kept = _usable(rows, task, split)
    if not kept:
        raise UserError(f"{split}: no row is left of {len(rows)} (missing labels, empty texts, min_chars, max_chars)")

    def where(position: int) -> str:
        return rows[kept[position]].where

    picked = [rows[number] for number in kept]
    columns = _COLUMNS[task.type](picked, task, where)
    frame = pandas.DataFrame({"row": kept, **{name: pandas.Series(cells) for name, cells in columns.items()}})
    group = task.group_column or ("document" if task.unit == "paragraph" else None)
    if group and split == "train":  # splits are made of no other
        cells = [column(row, group) for row in picked]
        if (empty := next((number for number, cell in enumerate(cells) if is_missing(cell)), None)) is not None:
            raise UserError(f"{where(empty)}: column {group} is empty, so its group is unknown; give it one")
        frame["group"] = [str(cell) for cell in cells]
    return frame


def _usable(rows: Sequence[Row], task: TaskConfig, split: str) -> list[int]:
    """Numbers of the rows that have all they need."""
    texts = _text_columns(task)
    label = {"token_classification": task.tags_column}.get(task.type, task.label_column)
    labelled = task.type in ("text_classification", "regression", "multiple_choice", "token_classification")
    labelled &= not task.multi_label
    kept, unlabelled, empty = [], 0, 0
    for number, row in enumerate(rows):
        if labelled and _no_label(column(row, label), task):
            if task.missing_labels == "refuse":
                raise UserError(
                    f"{row.where}: column {label} is empty or NaN; give a label, or set missing_labels: drop"
                )
            unlabelled += 1
            continue
        cells = [column(row, name) for name in texts]
        if task.empty_texts != "keep" and any(_no_value(cell) for cell in cells):
            name = next(name for name, cell in zip(texts, cells, strict=True) if _no_value(cell))
            if task.empty_texts == "refuse":
                raise UserError(f"{row.where}: column {name} is empty; give a text, or set empty_texts: drop (or keep)")
            empty += 1
            continue
        if texts and isinstance(cells[0], str):
            length = len(cells[0])
            if length < task.min_chars and task.empty_texts != "keep" or length > (task.max_chars or length):
                continue
        kept.append(number)
    if unlabelled or empty:
        log.warning(f"{split}: dropped {unlabelled} rows without a label and {empty} with an empty text of {len(rows)}")
    return kept


def _text_columns(task: TaskConfig) -> list[str]:
    match task.type:
        case "text_classification" | "regression":
            return [task.text_column, *([task.text_pair_column] if task.text_pair_column else [])]
        case "language_modeling":
            return [task.text_column]
        case "token_classification":
            return [task.words_column]
        case "question_answering":
            return [task.context_column, task.question_column]
        case "multiple_choice":
            return [task.question_column]
        case "minimal_pairs":
            return [task.good_column, task.bad_column]
        case _:
            return [task.source_column, task.target_column]


def _no_value(cell: Any) -> bool:
    return len(cell) == 0 if isinstance(cell, (list, tuple)) or hasattr(cell, "tolist") else is_missing(cell)


def _no_label(cell: Any, task: TaskConfig) -> bool:
    """Whether a label is missing; also where a CSV file has it as text, which as a number is found out later."""
    numeric = (task.type == "regression" or task.bins is not None) and task.missing_labels == "refuse"
    return _no_value(cell) or not numeric and isinstance(cell, str) and cell.strip() in ("nan", "NaN")


def _texts(rows: Sequence[Row], name: str) -> list[str]:
    texts = []
    for row in rows:
        cell = column(row, name)
        if not isinstance(cell, str) and not is_missing(cell):
            raise UserError(
                f"{row.where}: column {name} must hold text, found {type(cell).__name__} {str(cell)[:40]!r}"
            )
        texts.append(_whole(cell, row, name) if isinstance(cell, str) else "")
    return texts


def _whole(text: str, row: Row, name: str) -> str:
    """The text; UserError if it cannot be written as UTF-8 (half of a surrogate pair, as cut-off emoji leave it)."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UserError(
            f"{row.where}: column {name} holds half a character at {error.start} (a lone surrogate)"
        ) from None
    return text


def _cells(rows: Sequence[Row], name: str) -> list[Any]:
    return [column(row, name) for row in rows]


def _sequence(rows: Sequence[Row], task: TaskConfig, where: Where) -> dict[str, list]:
    columns = {"text": _texts(rows, task.text_column)}
    if task.text_pair_column is not None:
        columns["text_pair"] = _texts(rows, task.text_pair_column)
    cells = _cells(rows, task.label_column)
    if task.type == "regression":
        return columns | {"gold": numbers(cells, task.label_column, where)}
    if task.bins is not None:
        values = numbers(cells, task.label_column, where)
        return columns | {"gold": binned(values, task.bins, names_of_bins(task.bins, task.bin_names), where)}
    if task.multi_label:
        return columns | {"gold": label_sets(cells, task.label_column, task.label_separator, where)}
    return columns | {"gold": label_names(cells, task.label_column, where)}


def _tokens(rows: Sequence[Row], task: TaskConfig, where: Where) -> dict[str, list]:
    all_words, all_tags = [], []
    for number, row in enumerate(rows):
        words, tags = (_strings(row, name) for name in (task.words_column, task.tags_column))
        if len(words) != len(tags):
            raise UserError(f"{row.where}: {len(words)} words but {len(tags)} tags")
        for position, word in enumerate(words):
            if not word.strip() or not tags[position].strip():
                what = "tag" if word.strip() else "word"
                raise UserError(f"{where(number)}: {what} {position + 1} is empty")
        all_words.append(words)
        all_tags.append(tags)
    return {"words": all_words, "gold": all_tags}


def _strings(row: Row, name: str) -> list[str]:
    cell = column(row, name)
    if isinstance(cell := listed(cell), str):
        return _whole(cell, row, name).split()
    if is_missing_list(cell):
        return []
    if not hasattr(cell, "__iter__") or isinstance(cell, dict):
        raise UserError(f"{row.where}: column {name} must hold a list, found {type(cell).__name__}")
    return ["" if is_missing(part) else _whole(str(part), row, name) for part in cell]


def rewrite_tags(frames: dict[str, DataFrame], task: TaskConfig, wheres: dict[str, Where]) -> str:
    """Check the tags of all splits against one scheme, in place; IOB1 becomes IOB2. Returns the scheme kept."""
    every = [tags for frame in frames.values() for tags in frame["gold"]]
    scheme = tagging.detect(every) if task.tag_scheme == "auto" else task.tag_scheme
    if scheme == "none":
        return scheme
    for split, frame in frames.items():
        for number, tags in zip(frame["row"], frame["gold"], strict=True):
            tagging.check(tags, scheme, wheres[split](number))
        if scheme == "iob1":
            frame["gold"] = [tagging.iob2(tags) for tags in frame["gold"]]
    return "iob2" if scheme == "iob1" else scheme


def _questions(rows: Sequence[Row], task: TaskConfig, where: Where) -> dict[str, list]:
    columns: dict[str, list] = {
        "question": _texts(rows, task.question_column),
        "context": _texts(rows, task.context_column),
        "gold": [],
        "starts": [],
    }
    for row, context in zip(rows, columns["context"], strict=True):
        texts, starts = _answers(row, task, context)
        columns["gold"].append(texts)
        columns["starts"].append(starts)
    return columns


def _answers(row: Row, task: TaskConfig, context: str) -> tuple[list[str], list[int]]:
    """The accepted answers and their offsets, in any of the usual shapes; looked up where no offset is given."""
    cell = column(row, task.answers_column)
    starts: Any = column(row, task.answer_start_column) if task.answer_start_column else None
    if isinstance(cell, dict):
        starts = cell.get("answer_start") if starts is None else starts
        if "text" not in cell:
            raise UserError(f"{row.where}: column {task.answers_column} must hold the answers' texts under text")
        cell = cell["text"]
    cell = listed(cell)
    if is_missing_list(cell) or isinstance(cell, str) and not cell:
        cell = []
    if not hasattr(cell, "__iter__"):
        raise UserError(f"{row.where}: column {task.answers_column} must hold text, found {type(cell).__name__}")
    items = [cell] if isinstance(cell, str) else list(cell)
    if items and isinstance(items[0], dict):
        starts = [item.get("answer_start") for item in items] if starts is None else starts
        items = [item.get("text") for item in items]
    if any(not isinstance(item, str) for item in items):
        raise UserError(f"{row.where}: column {task.answers_column} must hold the answers' texts")
    if starts is None or isinstance(starts, str) or not hasattr(starts, "__iter__"):
        starts = [] if starts is None else [starts]
    starts = list(starts) or [None] * len(items)
    if len(starts) == len(items):  # an answer without text is no answer
        starts = [start for start, text in zip(starts, items, strict=True) if text.strip()]
        items = [text for text in items if text.strip()]
    if len(starts) != len(items):
        raise UserError(f"{row.where}: {len(items)} answers but {len(starts)} offsets")
    found = []
    for text, start in zip(items, starts, strict=True):
        try:
            at = context.find(text) if is_missing(start) else int(start)
        except (TypeError, ValueError, OverflowError):
            raise UserError(
                f"{row.where}: the offset of an answer must be a number, found {str(start)[:40]!r}"
            ) from None
        if at < 0 or context[at : at + len(text)] != text:
            there = context[max(at, 0) : max(at, 0) + len(text)]
            raise UserError(
                f"{row.where}: the answer {text[:40]!r} is not "
                + (
                    "in the context"
                    if is_missing(start)
                    else f"at its offset {at}, where the context has {there[:40]!r}"
                )
            )
        found.append(at)
    return items, found


def _choices(rows: Sequence[Row], task: TaskConfig, where: Where) -> dict[str, list]:
    columns: dict[str, list] = {"text": _texts(rows, task.question_column), "choices": [], "gold": []}
    for row in rows:
        cells = column(row, task.choices) if isinstance(task.choices, str) else [column(row, n) for n in task.choices]
        names: Any = []
        if isinstance(cells, dict):  # ARC and CommonsenseQA: {text: […], label: […]}
            names, cells = [str(name) for name in cells.get("label") or []], cells.get("text")
        if isinstance(cells := listed(cells), str) or not hasattr(cells, "__len__") or len(cells) < 2:
            raise UserError(f"{row.where}: needs a list of at least two choices")
        for number, choice in enumerate(cells, 1):
            if is_missing(choice) and task.empty_texts != "keep":
                raise UserError(f"{row.where}: choice {number} is empty; give a text, or set empty_texts: keep")
        choices = ["" if is_missing(choice) else _whole(str(choice), row, "choices") for choice in cells]
        label = column(row, task.label_column)
        columns["choices"].append(choices)
        named = len(names) == len(choices) and names.count(str(label).strip()) == 1
        columns["gold"].append(names.index(str(label).strip()) if named else _chosen(row, label, choices))
    return columns


def _chosen(row: Row, label: Any, choices: list[str]) -> int:
    """The index of the right choice, given as an index from 0, a letter from A, or the choice itself."""
    text = str(label).strip()
    if text.endswith(".0"):
        text = text[:-2]
    if text.isdecimal() and int(text) < len(choices):
        if isinstance(label, str) and text in choices and choices.index(text) != int(text):
            raise UserError(f"{row.where}: {text!r} may be a choice or the number of another; give a letter (from A)")
        return int(text)
    if choices.count(str(label)) == 1:
        return choices.index(str(label))
    if len(text) == 1 and 0 <= (index := ord(text.upper()) - ord("A")) < len(choices):
        return index
    raise UserError(
        f"{row.where}: {text!r} names none of the {len(choices)} choices"
        " (an index from 0, a letter from A, or the choice itself)"
    )


def _generation(rows: Sequence[Row], task: TaskConfig, where: Where) -> dict[str, list]:
    return {"text": _texts(rows, task.source_column), "gold": _texts(rows, task.target_column)}


def _language(rows: Sequence[Row], task: TaskConfig, where: Where) -> dict[str, list]:
    return {"text": _texts(rows, task.text_column)}


def _pairs(rows: Sequence[Row], task: TaskConfig, where: Where) -> dict[str, list]:
    name = task.phenomenon_column
    if name is not None and not any(name in row for row in rows) and "phenomenon_column" not in task.changed():
        name = None
    phenomena = ["all"] * len(rows) if name is None else [str(cell) for cell in _cells(rows, name)]
    return {"good": _texts(rows, task.good_column), "bad": _texts(rows, task.bad_column), "phenomenon": phenomena}


_COLUMNS: dict[str, Callable[[Sequence[Row], TaskConfig, Where], dict[str, list]]] = {
    "text_classification": _sequence,
    "regression": _sequence,
    "token_classification": _tokens,
    "question_answering": _questions,
    "multiple_choice": _choices,
    "summarization": _generation,
    "translation": _generation,
    "language_modeling": _language,
    "minimal_pairs": _pairs,
}
