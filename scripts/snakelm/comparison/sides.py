"""One side of a comparison: a recipe, as it is or as it was, and its finished runs."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from snakelm.core.errors import UserError
from snakelm.planning.planner import make_plan
from snakelm.recipe.loading import load
from snakelm.recipe.schema import Recipe
from snakelm.report.config import ReportRunConfig
from snakelm.report.story import Story
from snakelm.runs.context import RunContext
from snakelm.runs.store import Store


@dataclass(frozen=True, eq=False)
class Side:
    name: str
    recipe: Recipe
    story: Story


def read_side(file: str, store: Store, work: Path) -> Side:
    """The recipe in a file; `FILE@REVISION` is what the file was in a revision of git (`config/a.yaml@HEAD~1`).

    work: a folder for the text of a revision. UserError says what cannot be read.
    """
    path, _, revision = file.rpartition("@") if "@" in file and not Path(file).exists() else (file, "", "")
    name = Path(path).stem + (f"@{revision}" if revision else "")
    recipe = load([_of_revision(path, revision, work) if revision else path])
    plan = make_plan(recipe, store, Path(path).stem, only_finished=True)
    run = next((run for run in plan.runs.values() if run.stage == "report"), None)
    parents = {role: parent.folder for role, parent in run.parents.items()} if run else {}
    subjects = dict(run.roles) if run else {}
    context = RunContext(name, ReportRunConfig(), parents, work, work, subjects=subjects)
    return Side(name, recipe, Story.of(context))


def _of_revision(path: str, revision: str, work: Path) -> Path:
    command = ["git", "show", f"{revision}:./{path}" if not Path(path).is_absolute() else f"{revision}:{path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["git says nothing"])[-1]
        raise UserError(f"{path}@{revision}: not in git ({reason})")
    place = work / f"{len(list(work.iterdir()))}-{Path(path).name}"
    place.write_text(done.stdout, encoding="utf-8")
    return place
