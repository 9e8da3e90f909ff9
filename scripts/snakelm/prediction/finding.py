"""Which finished run a name means."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from snakelm.core.errors import UserError, did_you_mean
from snakelm.planning.plan import Plan, PlannedRun
from snakelm.runs.digests import FileDigests
from snakelm.runs.store import check_files, read_manifest
from snakelm.tasks.config import baseline_names

STAGE = "finetune"


def find(plan: Plan, wanted: str, seed: int | None, command: Sequence[str]) -> PlannedRun:
    """The finished fine-tuning that `finetune:<name>` means, its files checked.

    The name is that of a run (tiny.era.pretrained.s1), a cell (tiny.era.pretrained), a model with a task (tiny.era)
    or a task, and may hold * and ?; the first of these kinds that there is counts. Of several inits it is pretrained,
    of several seeds the recipe's first, or `seed`.

    command: `snakelm run` with the recipe, for the message that says how to make a run.
    Raises UserError where the name means no run, several models or tasks, a baseline, or a run that is not finished.
    """
    stage, _, name = wanted.partition(":")
    if stage != STAGE or not name:
        raise UserError(f"{wanted}: predictions are those of a fine-tuning; write {STAGE}:<model>.<task>")
    found = _called(plan, name)
    pairs = {f"{run.subject.model}.{run.subject.task}" for run in found}
    if len(pairs) > 1:
        raise UserError(f"{wanted}: means several, {_some(sorted(pairs))}; name one of them")
    found = _of_one_start(found, wanted)
    if seed is not None:
        seeds = [str(run.subject.seed) for run in found]
        found = [run for run in found if run.subject.seed == seed]
        if not found:
            raise UserError(f"{wanted}: the recipe has no seed {seed} of it, but {', '.join(seeds)}")
    run = found[0]
    if run.subject.init in baseline_names():
        raise UserError(
            f"{STAGE}:{run.name}: the baseline {run.subject.init} keeps no fitted model to predict with; name a run"
            " that starts from a network"
        )
    if not run.done:
        make = shlex.join([*command, "--cores", "all", "--config", f"only={STAGE}:{run.name}"])
        raise UserError(f"{STAGE}:{run.name}: is not made yet; make it with: {make}")
    digests = FileDigests(plan.store.cache / "parents.json")
    check_files(run.folder, read_manifest(run.folder), digests)
    digests.save()
    return run


def _called(plan: Plan, name: str) -> list[PlannedRun]:
    """The runs that bear the name, by the most exact kind of name that any of them has."""
    runs = plan.of(STAGE)
    cells = {run: plan.job_of[run].names for run in runs}
    kinds: tuple[Callable[[PlannedRun], list[str]], ...] = (
        lambda run: run.names,
        lambda run: cells[run],
        lambda run: [f"{run.subject.model}.{run.subject.task}"],
        lambda run: [run.subject.task],
    )
    for kind in kinds:
        if found := [run for run in runs if any(fnmatchcase(known, name) for known in kind(run))]:
            return found
    known = sorted({known for run in runs for kind in kinds[1:] for known in kind(run)})
    near = did_you_mean(name, known) if known else "; it has no fine-tunings"
    raise UserError(f"{STAGE}:{name}: the recipe has no such run{near}")


def _of_one_start(found: list[PlannedRun], wanted: str) -> list[PlannedRun]:
    """Those that start from pretrained weights, where the name leaves open which."""
    starts = list(dict.fromkeys(run.subject.init for run in found))
    if len(starts) == 1:
        return found
    networks = [start for start in starts if start not in baseline_names()]
    if "pretrained" not in starts and len(networks) != 1:
        raise UserError(f"{wanted}: starts from {_some(starts)}; name one, as in {_example(found[0])}")
    start = "pretrained" if "pretrained" in starts else networks[0]
    return [run for run in found if run.subject.init == start]


def _example(run: PlannedRun) -> str:
    return f"{STAGE}:{run.name}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
