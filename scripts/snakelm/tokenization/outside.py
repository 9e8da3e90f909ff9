"""Loading a tokenizer that somebody else may have written: code in its folder is never run, and what is wrong with it
is said in one line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from snakelm.core.errors import UserError, one_line


def read_tokenizer(source: Path | str, said: Path | str | None = None, **keys: Any) -> Any:
    """The tokenizer of a folder or Hub name, by AutoTokenizer; `said` is what the user knows the source by.

    Raises UserError where there is none, where it is broken, or where only its own code could read it.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(os.path.expanduser(source), trust_remote_code=False, **keys)
    except Exception as error:  # each library and each broken file has a kind of its own; tokenizers' is Exception
        raise UserError(f"{said or source}: no tokenizer can be loaded ({reason(error)})") from error


def reason(error: Exception) -> str:
    """Why transformers could not load something. Its advice to trust the code is not passed on."""
    text = one_line(error)
    if "trust_remote_code" in text or "custom code" in text:
        return "it needs code of its own (auto_map), which is never run; only what transformers itself knows is loaded"
    return text or type(error).__name__
