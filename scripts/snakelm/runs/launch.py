"""How the script of a stage starts: it runs its job from the copy of the code that the job was submitted with.

    main("pretrain")      # all that scripts/pretrain.py does

A queued job is thus not touched by edits of the code, nor is a running one that has yet to import a module. This module
is what runs before the copy does, so it imports nothing of ours.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import snakelm


def main(stage: str) -> None:
    """Make the runs of the job whose target the command line names; ends the process."""
    copy = _ordered_copy(sys.argv[1:])
    if copy is not None and copy != Path(snakelm.__path__[0]).resolve().parent:
        path = os.pathsep.join(filter(None, (str(copy), os.environ.get("PYTHONPATH"))))
        python, *options = sys.orig_argv[: sys.orig_argv.index(sys.argv[0])]
        # -P: the folder of the scripts must not be searched for modules, for evaluate.py has the name of a library.
        command = [sys.executable, *options, "-P", str(copy / "scripts" / f"{stage}.py"), *sys.argv[1:]]
        os.execve(sys.executable, command, os.environ | {"PYTHONPATH": path})
    from snakelm.runs.making import run_job

    run_job(stage)


def _ordered_copy(arguments: list[str]) -> Path | None:
    """The copy that the order of the job names; None where there is no order to read (the job then says so)."""
    for argument in arguments:
        # results/<stage>/<run>/manifest.json, or results/<stage>/cells/<cell>.json
        target = Path(argument)
        if target.suffix != ".json" or len(target.parts) < 4:
            continue
        work, stage = target.parents[2] / ".work", target.parents[1].name
        job = target.parent.name if target.name == "manifest.json" else target.stem
        try:
            copy = work / "code" / json.loads((work / "orders" / stage / f"{job}.json").read_bytes())["code"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return copy.resolve() if (copy / "scripts").is_dir() else None
    return None
