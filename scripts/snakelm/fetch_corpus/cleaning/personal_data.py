"""Addresses and numbers of people become placeholders."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar, Literal

from pydantic import Field

from snakelm.fetch_corpus.steps import Clean, CleaningStep, cleaning_steps

EMAIL = re.compile(
    r"(?<![\w.+%-])[A-Za-z0-9](?:[\w.+%-]{0,63})@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,8}[A-Za-z]{2,24}(?![\w@])"
)
PHONE = re.compile(
    r"(?<![\w+./-])"
    r"(?:\+\d{1,3}[ .\-/]?(?:\(0?\d{1,5}\)[ .\-/]?)?\d{1,5}(?:[ .\-/]?\d{2,5}){1,5}"  # +49 (0)30 1234 567
    r"|\(0?\d{2,5}\)[ .\-/]?\d{2,5}(?:[ .\-/]\d{2,5}){1,4}"  # (030) 1234 567, (555) 123-4567
    r"|0\d{1,5}[ .\-/]\d{2,8}(?:[ .\-/]\d{2,5}){0,4}"  # 030 1234567
    r"|\d{3}[ .\-]\d{3}[ .\-]\d{4})"  # 555-123-4567
    r"(?![\w/-]|[.,]\d)"
)
IBAN = re.compile(r"(?<![\w])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![\w])")
IP = re.compile(r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.]?\d)")
FEWEST_DIGITS, MOST_DIGITS = 8, 15

Kind = Literal["email", "phone", "iban", "ip"]


@cleaning_steps.register("personal_data")
class PersonalData(CleaningStep):
    """Replaces e-mail addresses, telephone numbers and account numbers (IBAN, by its check digits) by placeholders."""

    shows_what_was_there: ClassVar[bool] = False

    kinds: list[Kind] = Field(
        ["email", "phone", "iban"], description="What is replaced; ip: addresses of IPv4.", min_length=1
    )
    placeholder: str = Field("<{kind}>", description="What stands in its place; {kind} is email, phone, iban or ip.")

    def cleaner(self) -> Clean:
        return lambda text, row: self._cleaned(text)

    def _cleaned(self, text: str) -> str:
        # An IBAN has digits that look like a telephone number, so it goes first.
        for kind, pattern, is_one in PATTERNS:
            if kind in self.kinds:
                text = _replaced(text, pattern, is_one, self.placeholder.replace("{kind}", kind))
        return text


def is_iban(text: str) -> bool:
    """Whether the check digits of an account number are right (ISO 7064, mod 97-10)."""
    plain = text.replace(" ", "")
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])) % 97 == 1


def is_phone(text: str) -> bool:
    """Whether there are as many digits as a telephone number has."""
    return FEWEST_DIGITS <= sum(map(str.isdigit, text)) <= MOST_DIGITS


def _replaced(text: str, pattern: re.Pattern[str], is_one: Callable[[str], bool], shown: str) -> str:
    return pattern.sub(lambda match: shown if is_one(match[0]) else match[0], text)


PATTERNS: list[tuple[Kind, re.Pattern[str], Callable[[str], bool]]] = [
    ("email", EMAIL, lambda text: True),
    ("iban", IBAN, is_iban),
    ("ip", IP, lambda text: True),
    ("phone", PHONE, is_phone),
]
