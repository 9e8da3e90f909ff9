"""What a stage's code is given: its slice of the recipe, its parents' folders, and a place to write."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from snakelm.runs.records import Subject

ConfigT = TypeVar("ConfigT")


@dataclass
class RunContext(Generic[ConfigT]):
    """One run being made.

    A stage is a function `stage(job) -> dict`: it reads `job.parents`, writes artifacts into `job.out` and
    returns its headline numbers (JSON values, the same on every machine). The caller adds the manifest and
    renames `out` into `results/<stage>/<name>-<id>/` once the function has returned.
    """

    name: str
    """The entry's readable name."""
    config: ConfigT
    """The stage's typed slice of the recipe."""
    parents: dict[str, Path]
    """Role (corpus, trained, tokenizer, encoded, pretrained, …) → that parent's finished run folder."""
    out: Path
    """A fresh temporary folder; what is in it becomes the run. Files under out/circumstance/ (times, tracker
    logs) may differ between machines: they are kept, but do not count as the run's content."""
    work: Path
    """A folder that outlives a kill: checkpoints and half-done work. Deleted once the run is complete."""
    sources: dict[str, str] = field(default_factory=dict)
    """Local source file (path as in the recipe, relative to the checkout) → sha256 that the id was made of."""
    code: str = ""
    """Digest of the stage's code, which processes that the stage starts have to run too."""
    cache: Path | None = None
    """A folder shared by the runs that the same code of this stage makes, at the same time too: for what costs time
    to make again and nothing else. May be gone at any time, may not be writable; it is made when it is needed."""
    plugins: tuple[str, ...] = ()
    """Plug-ins of the recipe, which processes that the stage starts have to load too."""
    threads: int = 1
    """CPU threads that Snakemake granted."""
    subject: Subject = Subject()
    """The entries of the recipe that the run belongs to."""
    subjects: dict[str, Subject] = field(default_factory=dict)
    """Role → the entries of this recipe that the parent stands for (`OrderedParent.subject`). A manifest names those
    of the recipe that made the run first; a run that two entries share is the parent of both, under two roles."""
    times: dict[str, Any] = field(default_factory=dict)
    """What may differ between machines (tokens/s, memory peak, device): goes to the manifest's circumstance."""
