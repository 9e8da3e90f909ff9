"""SQuAD's nested JSON (versions 1 and 2): one row per question."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from snakelm.core.errors import UserError
from snakelm.readers.config import SourceConfig
from snakelm.readers.opening import SourceFile
from snakelm.readers.row import Row
from snakelm.readers.tables import load_json


def read_squad(file: SourceFile, config: SourceConfig) -> Iterator[Row]:
    """Rows {"id", "title", "context", "question", "answers": {"text": [...], "answer_start": [...]}, "is_impossible"}.

    An answer that is not in the context where it says is a UserError that names the question.
    """
    number = 0
    articles = _get(load_json(file, config), "data", list, file.label)
    for article_number, article in enumerate(articles):
        place = f"{file.label} data[{article_number}]"
        for paragraph_number, paragraph in enumerate(_get(article, "paragraphs", list, place)):
            inner = f"{place}.paragraphs[{paragraph_number}]"
            context = _get(paragraph, "context", str, inner)
            for qa_number, qa in enumerate(_get(paragraph, "qas", list, inner)):
                number += 1
                where = f"{inner}.qas[{qa_number}]"
                question = {
                    "id": str(qa["id"]) if isinstance(qa, dict) and "id" in qa else str(number),
                    "title": str(article.get("title", "")),
                    "context": context,
                    "question": _get(qa, "question", str, where),
                    "answers": _answers(qa, context, where),
                    "is_impossible": bool(qa.get("is_impossible", False)),
                }
                yield Row(question, file.label, number, "question")


def _answers(qa: dict[str, Any], context: str, where: str) -> dict[str, list[Any]]:
    texts, starts = [], []
    for answer in qa.get("answers") or []:
        text, start = _get(answer, "text", str, where), _get(answer, "answer_start", int, where)
        if start < 0 or context[start : start + len(text)] != text:
            raise UserError(f"{where}: answer {text!r} is not at character {start} of its context")
        texts.append(text)
        starts.append(start)
    return {"text": texts, "answer_start": starts}


def _get(value: Any, name: str, kind: type, where: str) -> Any:
    if not isinstance(value, dict) or not isinstance(value.get(name), kind):
        raise UserError(f"{where}: not SQuAD's JSON: {name!r} is missing or not a {kind.__name__}")
    return value[name]
