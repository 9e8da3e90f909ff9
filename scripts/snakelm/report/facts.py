"""When, where and at what cost the runs were made, and by what command: what differs between machines.

The page without it is the same wherever the same runs are reported, and is the run's content. The page with it, for
people, is written beside it as a circumstance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from snakelm.execution.cost import WATTS_PER_THREAD
from snakelm.report.charts import Chart, Series
from snakelm.report.fact_tables import FactTable
from snakelm.report.numbers import plain
from snakelm.report.runs import FinishedRun
from snakelm.report.sections.reproduce import without_secrets
from snakelm.report.story import Story
from snakelm.runs.stages import STAGES


@dataclass(frozen=True)
class Facts:
    chips: Sequence[tuple[str, str]]
    """(what, which): date, commit, machine, total time, energy."""
    cost: FactTable
    """A row per stage."""
    time_chart: Chart | None
    speed: Chart | None
    """Tokens per second of the pretrainings."""
    command: str
    """The command that makes the report; empty where it is not known."""
    recipe: str
    """The recipe as YAML."""


def facts_of(story: Story) -> Facts:
    runs = story.distinct
    table, hours, energy = _cost(runs)
    names = tuple(stage for stage, _ in hours)
    bars = Series("minutes", range(len(hours)), [seconds / 60 for _, seconds in hours])
    chart = Chart("bars", "Time by stage", "Minutes of work by stage", (bars,), "minutes", names=names, legend=False)
    return Facts(
        chips=_chips(runs, sum(seconds for _, seconds in hours), energy),
        cost=table,
        time_chart=chart if any(seconds for _, seconds in hours) else None,
        speed=_speed(story.models),
        command=without_secrets(story.config.command),
        recipe=without_secrets(story.config.recipe),
    )


def _chips(runs: Sequence[FinishedRun], seconds: float, energy: float) -> list[tuple[str, str]]:
    circumstances = [run.manifest.circumstance for run in runs]
    finished = max((one.finished for one in circumstances if one.finished), default="")
    commits = _distinct(str(one.machine["commit"]) for one in circumstances if one.machine.get("commit"))
    machines = _distinct(_machine(run) for run in runs)
    chips = [
        ("date", finished[:16].replace("T", " ") + (" UTC" if finished.endswith("+00:00") else "")),
        ("commit", commits),
        ("machine", machines),
        ("time of all runs", duration(seconds) if seconds else ""),
        ("energy, estimated", f"{energy:.3g}\u202fWh" if energy < 1000 else f"{energy / 1000:.3g}\u202fkWh"),
    ]
    return [(name, value) for name, value in chips if value and (name[0] != "e" or energy)]


def _distinct(values: Iterable[str]) -> str:
    found = list(dict.fromkeys(value for value in values if value))
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def _machine(run: FinishedRun) -> str:
    """Processor and GPUs; not the host's name, which is nobody's business."""
    machine = run.manifest.circumstance.machine
    gpus = machine.get("gpus") or []
    parts = [str(machine["processor"])] if machine.get("processor") else []
    parts += [f"{machine['cores']} cores"] if machine.get("cores") else []
    parts += [f"{len(gpus)} × {gpus[0]}"] if gpus else []
    return ", ".join(parts)


def _cost(runs: Sequence[FinishedRun]) -> tuple[FactTable, list[tuple[str, float]], float]:
    """A row per stage, the seconds of each, and the watt-hours of all."""
    table = FactTable("stage", ["runs", "time", "longest run", "peak memory", "device", "energy, estimated"])
    hours, total = [], 0.0
    for stage in STAGES:
        members = [run for run in runs if run.stage == stage]
        if not members:
            continue
        seconds = [run.manifest.circumstance.seconds or 0.0 for run in members]
        memory = [run.manifest.circumstance.machine.get("memory_peak_mb") or 0 for run in members]
        devices = _distinct(str(run.manifest.circumstance.times.get("device") or "") for run in members)
        energy = sum(map(_energy, members))
        total += energy
        hours.append((stage, sum(seconds)))
        peak = f"{max(memory) / 1024:.2f}\u202fGiB" if max(memory) else "\u2013"
        cells = [plain(len(members)), duration(sum(seconds)), duration(max(seconds)), peak, devices or "CPU"]
        table.rows.append((stage, [*cells, f"{energy:.3g}\u202fWh"]))
    return table, hours, total


def _energy(run: FinishedRun) -> float:
    """Watt-hours as the run has measured or estimated them; else its threads at the draw that is assumed there."""
    found = run.manifest.circumstance
    stated = found.times.get("energy_wh_estimate")
    if isinstance(stated, (int, float)):
        return float(stated)
    return (found.seconds or 0.0) * (found.threads or 1) * WATTS_PER_THREAD / 3600


def _speed(models: Sequence[FinishedRun]) -> Chart | None:
    speeds = {run.entry: run.manifest.circumstance.times.get("tokens_per_second") for run in models[:40]}
    known = {name: float(speed) for name, speed in speeds.items() if isinstance(speed, (int, float))}
    if not known:
        return None
    bars = Series("tokens/s", range(len(known)), list(known.values()))
    title = "Tokens per second of pretraining, by model"
    return Chart("bars", "Speed, tokens per second", title, (bars,), "tokens/s", names=tuple(known), legend=False)


def duration(seconds: float) -> str:
    """2 h 05 min, 3 min 20 s or 0.9 s."""
    if seconds < 60:
        return f"{seconds:.3g}\u202fs"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}\u202fmin {rest:02d}\u202fs"
    return f"{minutes // 60:,}\u202fh {minutes % 60:02d}\u202fmin"
