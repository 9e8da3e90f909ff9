"""What is to be done and why: each run's state, and what sets it apart from the nearest run that exists.

The nearest run is, among those that the entry had, the one that differs in the fewest places. Differences are config
keys (old → new), parents, sources and code, read from its manifest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from snakelm.planning.plan import Plan, Run
from snakelm.runs.store import MANIFEST, read_manifest

DONE, TO_DO, NOT_NEEDED, KEPT = "done", "to do", "not needed", "kept from other code"


@dataclass(frozen=True)
class Line:
    """One run of the plan, as it is shown."""

    stage: str
    name: str
    id: str
    folder: str
    state: str
    why: list[str]
    last_seconds: float | None
    """What the nearest run cost; for a finished run, what it cost itself."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def explain(plan: Plan, only: Any = None) -> list[Line]:
    """Every run of the plan, parents first; with `only` (as for `Plan.targets`), what that asks for and is made of."""
    asked = _asked(plan, only)
    shown = set(map(id, _with_parents(asked, done=True) if only is not None else plan.runs.values()))
    needed = set(map(id, _with_parents(asked, done=False)))
    parents = {id(parent) for run in plan.runs.values() for parent in run.parents.values()}
    lines = []
    for run in filter(lambda run: id(run) in shown, plan.runs.values()):
        if run.done:
            made = _manifest(run)
            why = ["made by other code, kept", *differences(run, made)] if run.kept else []
            if same := made.get("same_as"):
                why.append(f"same content as {same}")
            if "adopted" in made:
                why.append("adopted")
            lines.append(_line(run, KEPT if run.kept else DONE, why, _seconds(made)))
        elif id(run) not in needed and id(run) in parents:
            lines.append(_line(run, NOT_NEEDED, ["missing, but all that was made of it is complete"], None))
        else:
            step = plan.store.checkpoint_step(run.stage, run.id)
            why, seconds = _reasons(run, plan)
            lines.append(_line(run, TO_DO if step is None else f"interrupted at step {step}", why, seconds))
    return lines


def _line(run: Run, state: str, why: list[str], seconds: float | None) -> Line:
    return Line(run.stage, run.name, run.id, run.folder.as_posix(), state, why, seconds)


def _asked(plan: Plan, only: Any) -> list[Run]:
    """The runs that `all` asks for by itself."""
    wanted = set(plan.targets(only))
    return [run for stage, job, runs in plan.jobs() if plan.target(stage, job) in wanted for run in runs]


def _with_parents(runs: Iterable[Run], done: bool) -> Iterator[Run]:
    """The runs and what they are made of; with done=False what Snakemake would make of that."""
    waiting, seen = list(runs), set[int]()
    while waiting:
        run = waiting.pop()
        if id(run) not in seen and (done or not run.done):
            seen.add(id(run))
            yield run
            waiting += run.parents.values()


def _reasons(run: Run, plan: Plan) -> tuple[list[str], float | None]:
    found = []
    for folder in _of_name(run, plan):
        try:
            manifest = read_manifest(folder)
        except (OSError, ValueError):
            continue
        changed = ["code changed"] if manifest.get("code") != plan.code(run.stage) else []
        found.append((differences(run, manifest) + changed or ["a folder of another name holds it"], manifest))
    if not found:
        return ["never made"], None
    nearest = min(found, key=lambda item: (len(item[0]), -_finished(item[1])))
    return nearest[0], _seconds(nearest[1])


def _of_name(run: Run, plan: Plan) -> set[Path]:
    """Folders of the runs that this entry had: those named after it, and the one that it had before it was renamed."""
    folders = {path.parent for path in (plan.store.root / run.stage).glob(f"{run.name}-*/{MANIFEST}")}
    named = {path for path in folders if path.name.rpartition("-")[0] == run.name and not path.is_symlink()}
    latest = plan.store.root / "latest" / run.stage / run.name
    return named | ({latest.resolve()} if latest.exists() else set())


def differences(run: Run, manifest: dict[str, Any]) -> list[str]:
    """What sets a planned run apart from one that was made, code aside; config keys as `key: old → new`."""
    found = []
    old, new = dict(_flat(manifest.get("config", {}))), dict(_flat(run.identity))
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            found.append(f"{key}: {_show(old, key)} → {_show(new, key)}")
    parents = manifest.get("parents", {})
    for role, parent in run.parents.items():
        before = parents.get(role, {}).get("id")
        if before != parent.canonical:
            found.append(f"new {role}" if before is None else f"{role} changed: {before} → {parent.canonical}")
    found += [f"{role} left out" for role in parents if role not in run.parents]
    sources = manifest.get("sources", {})
    for name in sorted(sources.keys() | run.sources.keys()):
        if sources.get(name) != run.sources.get(name):
            found.append(
                f"source {name} " + ("new" if name not in sources else "changed" if name in run.sources else "left out")
            )
    return found


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flat(item, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value


def _show(values: dict[str, Any], key: str) -> str:
    return repr(values[key]) if key in values else "nothing"


def _manifest(run: Run) -> dict[str, Any]:
    try:
        return read_manifest(run.folder)
    except (OSError, ValueError):
        return {}


def _seconds(manifest: dict[str, Any]) -> float | None:
    value = manifest.get("circumstance", {}).get("seconds")
    return float(value) if isinstance(value, (int, float)) else None


def _finished(manifest: dict[str, Any]) -> float:
    from datetime import datetime

    try:
        return datetime.fromisoformat(manifest["circumstance"]["finished"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return 0.0
