"""Many random kills of the tiny recipe, as a command: python -m tests.kill_many [--kills 200] [--seed 0].

Prints what was killed how often, and whether the artifacts equal those of an undisturbed run each time that the recipe
is done. If they do not, both folders stay for a look.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.workflow.killing import artifacts, finish, kill_and_rerun
from tests.workspace import ROOT, Workspace


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="SIGKILLs in all (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="seed of moments and victims (default: 0)")
    given = parser.parse_args()
    began = time.monotonic()
    whole, disturbed = Path(tempfile.mkdtemp()), Path(tempfile.mkdtemp())
    for folder in (whole, disturbed):
        workspace = Workspace(folder)
        shutil.copytree(ROOT / "tests" / "recipes", workspace.folder / "tests" / "recipes")
    finish(whole)
    try:
        killed = kill_and_rerun(disturbed, given.kills, given.seed, artifacts(whole))
    except AssertionError as error:
        print(f"undisturbed: {whole}\ndisturbed:   {disturbed}\n{error}")
        return 1
    for name, count in killed.most_common():
        print(f"{count:4} {name}")
    minutes = (time.monotonic() - began) / 60
    print(f"{sum(killed.values())} kills in {minutes:.1f} min; artifacts equal to those of an undisturbed run")
    shutil.rmtree(whole)
    shutil.rmtree(disturbed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
