"""Task type → its kind; the modules are imported one by one, as they are needed."""

from __future__ import annotations

import importlib

from snakelm.finetune.kinds.base import Kind

_KINDS = {
    "text_classification": "sequence:TextClassification",
    "regression": "sequence:Regression",
    "token_classification": "tokens:TokenClassification",
}


def kind_of(task_type: str) -> type[Kind]:
    module, name = _KINDS[task_type].split(":")
    return getattr(importlib.import_module(f"snakelm.finetune.kinds.{module}"), name)
