"""What is written about runs: orders, manifests and the lists of cells, each with one type.

Records are frozen dataclasses, read and written by artifacts/records.py. A name is for people: whatever code needs to
know of a run (its model, its task, its seed, …) is a field.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Subject:
    """What a run is about: the entries of the recipe that it belongs to. Empty where it belongs to none."""

    corpus: str = ""
    tokenizer: str = ""
    model: str = ""
    task: str = ""
    init: str = ""
    """What a fine-tuning starts from: pretrained, random, a folder or Hub name; or a baseline's name."""
    seed: int | None = None
    """Seed of a fine-tuning."""
    swept: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Section of the recipe (models, tasks, …) → the keys that a sweep set in the entry, with their values."""


@dataclass(frozen=True)
class Parent:
    """A run that another one is made of; `id` is the one that enters the child's id (see `Manifest.same_as`)."""

    stage: str
    name: str
    id: str


@dataclass(frozen=True)
class OrderedParent(Parent):
    """A parent as a job is told of it."""

    run_id: str
    """The id in the name of its folder."""
    folder: Path
    subject: Subject = Subject()
    """What the parent is about in this recipe: its own manifest names the entries of the recipe that made it first."""


@dataclass(frozen=True)
class OrderedRun:
    """One run that a job is to make."""

    name: str
    id: str
    folder: Path
    subject: Subject
    key: str
    config: dict[str, Any]
    explicit: dict[str, Any]
    sources: dict[str, Any]
    versions: dict[str, str]
    """Versions of libraries that are part of the id (runs/libraries.py)."""
    components: tuple[str, ...]
    parents: dict[str, OrderedParent]
    aliases: tuple[str, ...] = ()
    """What other entries of the recipe, which mean the same, call the run."""


@dataclass(frozen=True)
class Order:
    """What a submitted job is to make, written down when Snakemake starts.

    A job may wait in a queue for hours while recipe and code are edited. It makes what it was submitted as: script and
    cluster node read the order, never the recipe.
    """

    stage: str
    job: str
    """The name by which Snakemake knows the job: its wildcard."""
    name: str
    """What people call it."""
    recipe: str
    """The name of the recipe that ordered it."""
    threads: int
    target: Path
    """The file that Snakemake waits for."""
    inputs: tuple[str, ...]
    code: str
    """The copy of the code that the job runs (`Store.code`)."""
    plugins: tuple[str, ...]
    on_library_change: str
    """keep or rerun, as the recipe says."""
    runs: tuple[OrderedRun, ...]


@dataclass(frozen=True)
class FileEntry:
    """A file of a run."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class Circumstance:
    """Where and how a run came about; all of it may differ between machines."""

    started: str = ""
    finished: str = ""
    seconds: float | None = None
    threads: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    """The runtime settings: keys of the config that cannot change a result."""
    times: dict[str, Any] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    adopted: dict[str, str] | None = None
    """Where the files of an adopted run were taken from, and when."""


@dataclass(frozen=True)
class Manifest:
    """manifest.json: what a finished run says of itself. All but `circumstance` is the same on every machine."""

    stage: str
    name: str
    id: str
    subject: Subject = Subject()
    key: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    """The identity config: every key that can change the result."""
    explicit: dict[str, Any] = field(default_factory=dict)
    """The part of `config` that was not the default."""
    parents: dict[str, Parent] = field(default_factory=dict)
    sources: dict[str, Any] = field(default_factory=dict)
    code: str = ""
    content: str = ""
    """One digest of the files."""
    files: dict[str, FileEntry] = field(default_factory=dict)
    headline: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    circumstance: Circumstance = Circumstance()
    same_as: str | None = None
    """The id of an earlier run that holds the same bytes."""
    adopted: dict[str, str] | None = None
    """File → sha256 of a run that was not made here."""

    @property
    def canonical(self) -> str:
        """The id that children see."""
        return self.same_as or self.id


@dataclass(frozen=True)
class Checkout:
    """A working directory whose Snakemake writes into a results folder, which several may share."""

    host: str
    locks: Path
    """Where its Snakemake keeps its locks: files are there as long as it runs."""


@dataclass(frozen=True)
class Failure:
    """Why a job of the last invocation failed, for the list at its end."""

    stage: str
    job: str
    name: str
    """What people call the job."""
    lines: tuple[str, ...]
    log: str = ""


@dataclass(frozen=True)
class CellMember:
    """A run of a cell."""

    name: str
    id: str
    folder: Path


@dataclass(frozen=True)
class CellList:
    """The runs of a finished cell, in the order of their seeds."""

    stage: str
    job: str
    runs: tuple[CellMember, ...]
