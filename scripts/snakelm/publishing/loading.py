"""How to load a model or tokenizer, as code for stock transformers: what a card shows, and what a test runs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

AUTO = {
    "ForSequenceClassification": "AutoModelForSequenceClassification",
    "ForTokenClassification": "AutoModelForTokenClassification",
    "ForQuestionAnswering": "AutoModelForQuestionAnswering",
    "ForMultipleChoice": "AutoModelForMultipleChoice",
    "ForMaskedLM": "AutoModelForMaskedLM",
    "ForCausalLM": "AutoModelForCausalLM",
    "LMHeadModel": "AutoModelForCausalLM",
    "ForConditionalGeneration": "AutoModelForSeq2SeqLM",
}
"""End of a class's name → the Auto class that loads it."""
PIPELINES = {
    "AutoModelForCausalLM": "text-generation",
    "AutoModelForMaskedLM": "fill-mask",
    "AutoModelForSequenceClassification": "text-classification",
    "AutoModelForTokenClassification": "token-classification",
}
"""Auto class → the pipeline of transformers that answers with it."""


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a model folder; empty where there is none."""
    try:
        found: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def auto_class(config: Mapping[str, Any], network: str) -> str:
    """The Auto class that loads a folder with this config; `network` decides where its class says nothing."""
    name = next(iter(config.get("architectures") or []), "")
    for ending, auto in AUTO.items():
        if name.endswith(ending):
            return auto
    by_network = {"encoder": "AutoModelForMaskedLM", "decoder": "AutoModelForCausalLM"}
    return by_network.get(network, "AutoModelForSeq2SeqLM")


def tokenizer_code(place: str) -> str:
    return f"""\
from transformers import AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained({_quoted(place)})
print(tokenizer.tokenize("An example."))"""


def model_code(
    place: str, config: Mapping[str, Any], auto: str, prompt: str, task_type: str = "", separator: str = ""
) -> str:
    """Code that loads the model at `place` (a folder or a repository) and lets it answer once.

    separator: what a causal model was taught to expect between a source and its target.
    """
    remote = ", trust_remote_code=True" if config.get("auto_map") else ""
    new = _new_tokens(config)
    if auto in PIPELINES and task_type not in ("multiple_choice", "summarization", "translation", "minimal_pairs"):
        lines = [
            "from transformers import pipeline",
            "",
            f'model = pipeline("{PIPELINES[auto]}", {_quoted(place)}{remote})',
        ]
        match PIPELINES[auto]:
            case "text-generation":
                lines.append(f'print(model({_quoted(prompt)}, max_new_tokens={new})[0]["generated_text"])')
            case "fill-mask":
                lines.append(f'print(model({_quoted(prompt)} + " " + model.tokenizer.mask_token + "."))')
            case "text-classification" if config.get("problem_type") == "regression":
                lines.append(f'print(model({_quoted(prompt)}, function_to_apply="none"))  # "score" is the number')
            case "text-classification" if config.get("problem_type") == "multi_label_classification":
                lines.append(f"print(model({_quoted(prompt)}, top_k=None))")
            case _:
                lines.append(f"print(model({_quoted(prompt)}))")
        return "\n".join(lines)
    lines = [
        f"from transformers import {auto}, AutoTokenizer",
        "",
        f"tokenizer = AutoTokenizer.from_pretrained({_quoted(place)})",
        f"model = {auto}.from_pretrained({_quoted(place)}{remote})",
    ]
    if auto in ("AutoModelForSeq2SeqLM", "AutoModelForCausalLM"):
        causal = auto == "AutoModelForCausalLM" and separator
        given = _quoted(prompt) + (f" + {json.dumps(separator, ensure_ascii=False)}" if causal else "")
        lines += [
            f'inputs = tokenizer({given}, return_tensors="pt")',
            f"print(tokenizer.decode(model.generate(**inputs, max_new_tokens={new})[0]))",
        ]
    else:
        second = ', "An answer."' if task_type in ("multiple_choice", "question_answering") else ""
        lines.append(f'print(model(**tokenizer({_quoted(prompt)}{second}, return_tensors="pt")))')
    return "\n".join(lines)


def longest_input(config: Mapping[str, Any]) -> int | None:
    """Positions that the network has, as its config says; None where it has no limit, or says nothing of it."""
    own = config.get("backbone") or config
    found = own.get("max_position_embeddings") or own.get("n_positions")
    return found if isinstance(found, int) else None


def _new_tokens(config: Mapping[str, Any]) -> int:
    """As many as fit behind a short prompt."""
    return max(1, min(20, (longest_input(config) or 40) // 2))


def _quoted(text: str) -> str:
    """As a Python string with double quotes."""
    return json.dumps(re.sub(r"\s+", " ", text), ensure_ascii=False)
