"""What went wrong in an invocation of Snakemake: the jobs that failed, or what kept it from starting any."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from snakelm.core.errors import UserError
from snakelm.planning.plan import Plan
from snakelm.runs.records import Failure

LOCKS = Path(".snakemake", "locks")
LOGS = Path(".snakemake", "log")


def check_writable(folder: Path) -> None:
    """UserError unless Snakemake can keep its records in the folder that it works in."""
    records = folder / ".snakemake"
    try:
        records.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=records) as file:
            file.write(b" " * 4096)
            file.flush()
    except OSError as error:
        remedies = {errno.ENOSPC: "free some space", errno.EDQUOT: "free some space"}
        remedy = remedies.get(error.errno or 0, "make it writable, or work in another folder")
        raise UserError(f"{records}: cannot be written ({error.strerror}); {remedy} and rerun") from None


def obstacle(folder: Path, unlock: str) -> str:
    """One line that says why Snakemake ended without a failed job; unlock: the command that removes its lock."""
    if any((folder / LOCKS).glob("*.lock")):
        return (
            f"{folder.absolute()}: another Snakemake works here, or one was killed and left its lock; "
            f"wait for it, or, if none runs: {unlock}"
        )
    logs = sorted((folder / LOGS).glob("*.snakemake.log"), key=os.path.getmtime)
    where = f"; its log: {logs[-1]}" if logs else ""
    return f"Snakemake failed before or beside the jobs{where}"


def summary(plan: Plan, failures: list[Failure]) -> list[str]:
    """The jobs that failed, those with the same reason together, and how many were not made for want of them."""
    names: dict[tuple[str, ...], list[Failure]] = {}
    for failure in failures:
        names.setdefault(failure.lines, []).append(failure)
    lines = [f"failed      {len(failures)} jobs; the rest went on"]
    for reason, jobs in names.items():
        shown = ", ".join(f"{job.stage} {job.name}" for job in jobs[:3])
        more = f" and {len(jobs) - 3} more" if len(jobs) > 3 else ""
        lines += [f"  {shown}{more}:", *(f"    {line}" for line in reason)]
        if log := jobs[0].log:
            lines.append(f"    log: {log}")
    failed = {(failure.stage, failure.job) for failure in failures}
    waiting = [
        job for job in plan.jobs if not job.done and (job.stage, job.key) not in failed and job.stage != "report"
    ]
    if waiting:
        lines.append(f"  {len(waiting)} jobs that need them were not made")
    return lines
