"""Trouble that the user can fix: one clear line each, never a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something in the recipe, the data or the machine that the user has to change.

    The message says what is wrong, where (file, key path, row) and what to do. It is printed as it is,
    without a traceback, and the process ends with exit code 1. Several problems found together are
    one error with several lines.
    """

    def __init__(self, *lines: str):
        super().__init__("\n".join(lines))
        self.lines = lines


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """'; did you mean X?' for the nearest known name, else '; known: …' when the list is short, else ''."""
    names = sorted(known)
    close = difflib.get_close_matches(str(word), names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known: {', '.join(names)}" if 0 < len(names) <= 40 else ""


def one_line(error: BaseException, length: int = 300) -> str:
    """What an error says, as one line of at most so many characters."""
    return " ".join(str(error).split())[:length]
