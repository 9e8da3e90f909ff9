"""What is to be done and why: each run's state, and what sets it apart from the nearest run that exists.

The nearest run is, among those that the entry had, the one that differs in the fewest places. Differences are config
keys (old → new), parents, sources and code, read from its manifest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from snakelm.core.config import CONTENT
from snakelm.planning.plan import Plan, PlannedRun
from snakelm.runs import libraries
from snakelm.runs.records import Manifest, Subject
from snakelm.runs.store import is_complete, is_damaged, read_manifest

DONE, TO_DO, NOT_NEEDED, KEPT = "done", "to do", "not needed", "kept from other code"


@dataclass(frozen=True)
class PlanLine:
    """One run of the plan, as it is shown."""

    stage: str
    name: str
    aliases: list[str]
    """What other entries, which mean the same, call it."""
    id: str
    folder: str
    subject: Subject
    state: str
    why: list[str]
    last_seconds: float | None
    """What the nearest run cost; for a finished run, what it cost itself."""

    @property
    def title(self) -> str:
        """All of its names, for people."""
        return f"{self.name} (= {', '.join(self.aliases)})" if self.aliases else self.name

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def explain(plan: Plan, only: object = None) -> list[PlanLine]:
    """Every run of the plan, parents first; with `only` (as for `Plan.targets`), what that asks for and is made of."""
    asked = _asked(plan, only)
    shown = set(_with_parents(asked, done=True) if only is not None else plan.runs.values())
    needed = set(_with_parents(asked, done=False))
    parents = {parent for run in plan.runs.values() for parent in run.parents.values()}
    lines = []
    for run in filter(shown.__contains__, plan.runs.values()):
        if run.done:
            made = _manifest(run)
            why = ["made by other code, kept", *differences(run, made)] if run.kept else []
            why += libraries.changed(made)
            if made.same_as:
                why.append(f"same content as {made.same_as}")
            if made.adopted is not None:
                why.append("adopted")
            lines.append(_line(run, KEPT if run.kept else DONE, why, made.circumstance.seconds))
        elif run not in needed and run in parents:
            lines.append(_line(run, NOT_NEEDED, ["missing, but all that was made of it is complete"], None))
        else:
            step = plan.store.checkpoint_step(run.stage, run.id)
            why, seconds = _reasons(run, plan)
            if is_damaged(run.folder):
                why = ["its manifest and the copy of it cannot be read, so it is made again (its files are put aside)"]
            lines.append(_line(run, TO_DO if step is None else f"interrupted at step {step}", why, seconds))
    return lines


def _line(run: PlannedRun, state: str, why: list[str], seconds: float | None) -> PlanLine:
    return PlanLine(run.stage, run.name, run.aliases, run.id, run.folder.as_posix(), run.subject, state, why, seconds)


def _asked(plan: Plan, only: object) -> list[PlannedRun]:
    """The runs that `all` asks for by itself."""
    wanted = set(plan.targets(only))
    return [run for job in plan.jobs if str(job.target) in wanted for run in job.runs]


def _with_parents(runs: Iterable[PlannedRun], done: bool) -> Iterator[PlannedRun]:
    """The runs and what they are made of; with done=False what Snakemake would make of that."""
    waiting, seen = list(runs), set[PlannedRun]()
    while waiting:
        run = waiting.pop()
        if run not in seen and (done or not run.done):
            seen.add(run)
            yield run
            waiting += run.parents.values()


def _reasons(run: PlannedRun, plan: Plan) -> tuple[list[str], float | None]:
    found = []
    for folder in _earlier(run, plan):
        try:
            manifest = read_manifest(folder)
        except (OSError, ValueError):
            continue
        changed = ["code changed"] if manifest.code != run.code else []
        changed += libraries.changed(manifest) if run.versions else []
        found.append((differences(run, manifest) + changed or ["a folder of another name holds it"], manifest))
    if not found:
        return ["never made"], None
    nearest = min(found, key=lambda item: (len(item[0]), -_finished(item[1])))
    return nearest[0], nearest[1].circumstance.seconds


def _earlier(run: PlannedRun, plan: Plan) -> set[Path]:
    """Folders of the runs that this entry had: those named after it, and the one that it had before it was renamed."""
    named = {path for path in plan.store.folders_of(run.stage, run.name) if is_complete(path)}
    latest = plan.store.recipe(plan.name) / run.stage / run.name
    return named | ({latest.resolve()} if latest.exists() else set())


def differences(run: PlannedRun, manifest: Manifest) -> list[str]:
    """What sets a planned run apart from one that was made, code aside; config keys as `key: old → new`."""
    found = []
    old, new = dict(_flat(manifest.config)), dict(_flat(dict(run.identity)))
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key) and CONTENT not in key.split("."):  # said of the sources, below
            found.append(f"{key}: {_show(old, key)} → {_show(new, key)}")
    for role, parent in run.parents.items():
        before = manifest.parents.get(role)
        if before is None or before.id != parent.canonical:
            changed = f"{role} changed: {before.id} → {parent.canonical}" if before else f"new {role}"
            found.append(changed)
    found += [f"{role} left out" for role in manifest.parents if role not in run.parents]
    return found + _changed_sources(manifest.sources, run.sources)


def _changed_sources(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """One line for each source that changed; one that was moved or renamed is the same."""
    found = []
    before, now = list(old.values()), list(new.values())
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            if old[name] not in now:
                found.append(f"source {name} left out")
        elif name in old and old[name] != new[name]:
            found.append(f"source {name} changed")
        elif name not in old and new[name] not in before:
            found.append(f"source {name} new")
    return found


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flat(item, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value


def _show(values: dict[str, Any], key: str) -> str:
    return repr(values[key]) if key in values else "nothing"


def _manifest(run: PlannedRun) -> Manifest:
    try:
        return read_manifest(run.folder)
    except (OSError, ValueError):
        return Manifest(run.stage, run.name, run.id)


def _finished(manifest: Manifest) -> float:
    try:
        return datetime.fromisoformat(manifest.circumstance.finished).timestamp()
    except ValueError:
        return 0.0
