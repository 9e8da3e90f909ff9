"""Names of outside models and tokenizers: a local folder, or a name on the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path


def folder_of(name: str) -> Path | None:
    """The local folder that a name means, whether it exists or not, with ~ expanded; None for a Hub name (owner/name).

    A name that can only be a path is a folder: it begins with . / or ~, or has more than one slash. `owner/name` is one
    where such a folder exists.
    """
    folder = Path(name).expanduser()
    is_path = name.startswith((".", "/", "~")) or name.rstrip("/").count("/") > 1
    return folder if is_path or folder.is_dir() else None
