"""Modules of the user's own, which register task types, objectives and the like beside the built-in ones."""

from __future__ import annotations

import importlib
import importlib.util
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from snakelm.core.errors import UserError, one_line


def load(names: Iterable[str]) -> list[ModuleType]:
    """Import each plugin: a module (`mine.tasks`) or a file (`config/mine.py`), relative to the working directory.

    UserError names a plugin that is not there, or says what importing it raised.
    """
    return [_load(name) for name in names]


def _load(name: str) -> ModuleType:
    try:
        if name.endswith(".py"):
            return _from_file(Path(name).expanduser())
        with_here = [os.getcwd(), *sys.path]
        before, sys.path[:] = list(sys.path), with_here
        try:
            importlib.invalidate_caches()
            return importlib.import_module(name)
        finally:
            sys.path[:] = before
    except UserError:
        raise
    except ModuleNotFoundError as error:
        raise UserError(f"plugins: {name}: no module {error.name!r} is installed or in the working directory") from None
    except (Exception, SystemExit) as error:
        if isinstance(error, SystemExit) and error.code == 128 + signal.SIGTERM:
            raise  # a job that was told to stop
        raise UserError(f"plugins: {name}: importing it raised {type(error).__name__}: {one_line(error)}") from None


def _from_file(file: Path) -> ModuleType:
    if not file.is_file():
        raise UserError(f"plugins: {file}: no such file")
    loaded = sys.modules.get(file.stem)
    if loaded is not None:
        if getattr(loaded, "__file__", None) and os.path.samefile(str(loaded.__file__), file):
            return loaded
        raise UserError(f"plugins: {file}: has the name of a module that is loaded already; rename it")
    spec = importlib.util.spec_from_file_location(file.stem, file.resolve())
    if spec is None or spec.loader is None:
        raise UserError(f"plugins: {file}: is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[file.stem]
        raise
    return module
