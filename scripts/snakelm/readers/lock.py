"""What was found at addresses without a stated sum when they were first fetched: a YAML file beside the recipe.

One line per address: that of a file with its SHA-256, that of a Hub data set with its commit. Later fetches are held to
it. A line that is deleted is written anew at the next fetch.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import yaml

from snakelm.core.console import log
from snakelm.core.errors import UserError

HEADER = """\
# What each address of the recipe held when it was first fetched; later fetches must find the same. Keep it beside the
# recipe. To take what is there now, delete the line and raise `attempt` of the entry.
"""


def recorded(lock: str | None, address: str) -> str | None:
    """What the lock file holds for an address; None where it, or a line for the address, is not there."""
    if lock is None or not os.path.exists(lock):
        return None
    return _parsed(Path(lock).read_text(encoding="utf-8"), lock).get(address)


def record(lock: str | None, address: str, found: str) -> str:
    """Write down what was found unless another job has done so meanwhile; returns what holds from now on.

    Without a lock file, or where it cannot be written, that is what was found, with a warning.
    """
    if lock is None:
        log.warning("%s has %s; state it, so that a change is noticed", address, found)
        return found
    try:
        with open(lock, "a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            text = file.read()
            known = _parsed(text, lock)
            if address not in known:
                start = HEADER if not text else "" if text.endswith("\n") else "\n"
                file.write(start + yaml.safe_dump({address: found}, width=10_000, allow_unicode=True))
                log.info("%s: %s is recorded in %s", address, found, lock)
            return known.get(address, found)
    except OSError as error:
        log.warning("%s has %s, which %s cannot record (%s); state it", address, found, lock, error.strerror)
        return found


def _parsed(text: str, lock: str) -> dict[str, str]:
    try:
        held = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise UserError(f"{lock}: cannot be read ({' '.join(str(error).split())[:200]}); fix it or delete it") from None
    if not isinstance(held, dict) or not all(isinstance(value, str) for value in held.values()):
        raise UserError(f"{lock}: is not a map from addresses to sums; fix it or delete it")
    return held
