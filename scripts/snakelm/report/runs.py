"""The report's parents: run folders found by role, and the small files in them."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakelm.core.errors import UserError


@dataclass(frozen=True)
class Run:
    """A finished run and what its manifest says of it."""

    kind: str
    """The role's first part: evaluate, finetune, pretrain, tokenizer, corpus, …"""
    key: str
    """The rest of the role, such as tiny.era.pretrained.s1."""
    folder: Path
    manifest: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.manifest.get("name") or self.key)

    @property
    def stage(self) -> str:
        return str(self.manifest.get("stage") or self.folder.parent.name)

    @property
    def id(self) -> str:
        return str(self.manifest.get("id") or "")

    @property
    def path(self) -> str:
        """The run's folder below results/, the same on every machine."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    @property
    def headline(self) -> dict[str, Any]:
        headline = self.manifest.get("headline")
        return headline if isinstance(headline, dict) else {}

    @property
    def config(self) -> Any:
        return self.manifest.get("config")

    @property
    def seconds(self) -> float | None:
        """How long the run took, where its manifest says so."""
        varying = self.manifest.get("circumstance")
        seconds = varying.get("seconds") if isinstance(varying, dict) else None
        return float(seconds) if isinstance(seconds, (int, float)) and not isinstance(seconds, bool) else None

    def text(self, name: str) -> str | None:
        """A text file of the run, None if it has none; bytes that are not UTF-8 become U+FFFD."""
        file = self.folder / name
        return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else None

    def json(self, name: str) -> Any:
        """A JSON file of the run, None if it has none."""
        text = self.text(name)
        try:
            return None if text is None else json.loads(text)
        except ValueError as error:
            raise UserError(f"{self.folder / name}: not readable as JSON ({error}); make that run again") from None

    def table(self, name: str, needed: tuple[str, ...] = ()) -> list[dict[str, str]]:
        """The rows of a tab-separated file with a header, [] if the run has none; UserError if columns are missing."""
        file = self.folder / name
        if not file.is_file():
            return []
        with file.open(encoding="utf-8", errors="replace", newline="") as lines:
            reader = csv.DictReader(lines, delimiter="\t", restval="")
            absent = [column for column in needed if column not in (reader.fieldnames or [])]
            if absent:
                raise UserError(f"{file}: no column {', '.join(absent)}; make that run again")
            return list(reader)


def read_runs(parents: Mapping[str, Path]) -> list[Run]:
    """Every parent with its manifest, sorted by role, so that the order in which they are given does not count."""
    runs = []
    for role, folder in parents.items():
        kind, _, key = role.partition(":")
        file = folder / "manifest.json"
        try:
            manifest = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{file}: not readable ({error}); the run of {role} is not complete") from None
        runs.append(Run(kind, key, folder, manifest if isinstance(manifest, dict) else {}))
    return sorted(runs, key=lambda run: (run.kind, natural(run.key)))


def split_cell(key: str) -> tuple[str, str, str]:
    """(model, task, init) of the key model.task.init; only the model's name may itself have dots."""
    model, task, init = ["", "", *key.rsplit(".", 2)][-3:]
    return model, task, init


def split_seed(key: str) -> tuple[str, str]:
    """(cell, seed) of the key model.task.init.s<seed>; seed is '' where there is none."""
    match = re.fullmatch(r"(.*)\.s(-?\d+)", key, re.DOTALL)
    return (match[1], match[2]) if match else (key, "")


def natural(text: str) -> list[tuple[int, int, str]]:
    """Sort key under which tiny2 comes before tiny10."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", text) if part]


def to_float(text: Any) -> float:
    """The number that a table's field holds; NaN for an empty or unreadable one."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return math.nan


def to_bool(text: Any) -> bool | None:
    """True or False as a table's field spells it; None for anything else."""
    return {"true": True, "1": True, "false": False, "0": False}.get(str(text).strip().lower())
