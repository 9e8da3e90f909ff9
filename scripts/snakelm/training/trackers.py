"""Experiment trackers by name; what they write locally goes to the run's circumstance."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path

from snakelm.errors import UserError


def prepare(names: Iterable[str], folder: Path, run_name: str) -> None:
    """Check that the trackers are installed, and tell them where to write; UserError names the package to install."""
    names = tuple(names)
    if missing := [name for name in names if importlib.util.find_spec(name) is None]:
        raise UserError(f"trackers: {', '.join(missing)} not installed; pip install {' '.join(missing)}")
    if names:
        folder.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(folder / "tensorboard"))
        os.environ.setdefault("WANDB_DIR", str(folder))
        os.environ.setdefault("WANDB_NAME", run_name)
        os.environ.setdefault("MLFLOW_TRACKING_URI", f"file:{folder / 'mlruns'}")
