"""Rows from a Python callable `module:function`, and what its id is made of.

The module is a file in the checkout (looked for first) or installed. Code of the checkout is run as the user runs
everything else here; nothing is fetched.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import signal
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from snakelm.core.errors import UserError, did_you_mean
from snakelm.readers.classes import namer
from snakelm.readers.config import SourceConfig
from snakelm.readers.row import Row


def callable_fingerprint(python: str) -> dict[str, str]:
    """What says which code `module:function` is, found without importing it.

    A module in the checkout: {"callable", "file"}, which the planner digests with what it imports
    (runs/code.py). The same for any module that no distribution
    installed (PYTHONPATH, an editable install). An installed one: {"callable", "distribution", "version"}.
    """
    module = python.partition(":")[0]
    if file := _local_file(module):
        return {"callable": python, "file": file}
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return {"callable": python, "distribution": "python", "version": platform.python_version()}
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise UserError(
            f"{python}: no module {top!r} is installed, and the checkout has no {module.replace('.', '/')}.py"
        )
    if distribution := _distribution(top, spec.origin):
        return {"callable": python, "distribution": distribution.metadata["Name"], "version": distribution.version}
    file = _file_below(spec, module)
    if file is None:
        raise UserError(f"{python}: its code cannot be found, so a change to it would go unnoticed")
    return {"callable": python, "file": file}


def call_rows(source: SourceConfig) -> Iterator[Row]:
    """Call it with `source.arguments` and yield its rows.

    It may return a pandas DataFrame, a datasets.Dataset, a mapping of split names to those (the column `split`
    then holds the name), one string, or an iterable of dicts or strings. Whatever it raises is one line.
    """
    with _checkout_first():
        yield from _called(source.python or "", source)


@contextmanager
def _checkout_first() -> Iterator[None]:
    """What `_local_file` finds must be what is imported, also by what the callable imports while it works."""
    here = os.getcwd()
    sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        if here in sys.path:
            sys.path.remove(here)


def _called(python: str, source: SourceConfig) -> Iterator[Row]:
    function = _load(python)
    number = 0
    try:
        for value in _as_rows(function(**source.arguments), source, python):
            number += 1
            yield Row(value, python, number, "row")
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise raised(f"{python}, after row {number}," if number else python, error) from error


def _as_rows(result: Any, source: SourceConfig, python: str) -> Iterator[dict[str, Any]]:
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(result, pandas.DataFrame):
        if not result.columns.is_unique:
            raise UserError(f"{python}: its data frame has two columns of one name")
        result = result.set_axis([str(name) for name in result.columns], axis=1)
        for start in range(0, len(result), 1000):
            yield from result.iloc[start : start + 1000].to_dict("records")
    elif isinstance(result, str):
        yield {source.text: result}
    elif isinstance(result, Mapping):
        if not result or any(isinstance(part, (str, Mapping)) or not _iterable(part) for part in result.values()):
            raise UserError(f"{python}: returned a dict; expected rows, or a dict of split name → rows")
        for split, part in result.items():
            for row in _as_rows(part, source, python):
                yield {**row, "split": str(split)}
    elif _iterable(result) and not isinstance(result, (bytes, bytearray)):
        features = getattr(result, "features", None)  # of a data set of `datasets`
        name_classes = namer(features.to_dict() if features is not None and hasattr(features, "to_dict") else {})
        for number, row in enumerate(result, 1):
            if isinstance(row, str):
                yield {source.text: row}
            elif isinstance(row, Mapping):
                yield name_classes({str(name): value for name, value in row.items()})
            else:
                kind = type(row).__name__
                raise UserError(f"{python} row {number}: a row must be a dict or a string, not {kind}")
    else:
        raise UserError(f"{python}: returned {type(result).__name__}; expected a data frame, or an iterable of rows")


def _iterable(value: Any) -> bool:
    return isinstance(value, Iterable) or hasattr(value, "__getitem__")


def load_callable(python: str) -> Any:
    """The function `module:function`; UserError where there is none."""
    with _checkout_first():
        return _load(python)


def _load(python: str) -> Any:
    module_name, _, path = python.partition(":")
    try:
        value = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name + ".").startswith(error.name + "."):
            raise UserError(f"{python}: no module {error.name!r} is installed or in the checkout") from None
        raise raised(f"{python}: importing it", error) from error
    except (Exception, SystemExit) as error:
        raise raised(f"{python}: importing it", error) from error
    file, loaded = _local_file(module_name), getattr(value, "__file__", None)
    if file and not (loaded and os.path.samefile(file, loaded)):
        raise UserError(f"{python}: {file} has the name of a module that is already loaded; rename it")
    for name in path.split("."):
        if not hasattr(value, name):
            raise UserError(f"{python}: no {name!r} in {module_name}{did_you_mean(name, _public(value))}")
        value = getattr(value, name)
    if not callable(value):
        raise UserError(f"{python}: is of type {type(value).__name__}, not a function")
    return value


def _public(module: Any) -> list[str]:
    return [name for name in dir(module) if not name.startswith("_") and callable(getattr(module, name, None))]


def raised(what: str, error: BaseException) -> UserError:
    """One line on what a user's code raised, and where; a job that was told to stop (exit code 143 after SIGTERM) does
    stop."""
    if isinstance(error, SystemExit) and error.code == 128 + signal.SIGTERM:
        raise error
    message = " ".join(str(error).split())
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    place = f" at {os.path.basename(last.filename)} line {last.lineno}" if last else ""
    return UserError(f"{what} raised {type(error).__name__}{': ' + message if message else ''}{place}")


def _local_file(module: str) -> str | None:
    stem = module.replace(".", "/")
    return next((path for path in (f"{stem}/__init__.py", f"{stem}.py") if os.path.isfile(path)), None)


def _distribution(top: str, origin: str | None) -> importlib.metadata.Distribution | None:
    """The distribution that installed this top-level module; None where none did, or only a link to a source tree."""
    for name in sorted(set(_distributions_of_modules().get(top, []))):
        distribution = importlib.metadata.distribution(name)
        folder = Path(str(distribution.locate_file(""))).resolve()
        if origin is None or folder in Path(origin).resolve().parents:
            return distribution
    return None


@functools.cache
def _distributions_of_modules() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()  # reads every installed package's list: 0.1 s


def _file_below(spec: Any, module: str) -> str | None:
    rest = module.split(".")[1:]
    for folder in spec.submodule_search_locations or ():
        base = Path(folder, *rest)
        for path in (base / "__init__.py", base.with_suffix(".py")):
            if path.is_file():
                return str(path)
    return spec.origin if not rest and spec.origin and os.path.isfile(spec.origin) else None
