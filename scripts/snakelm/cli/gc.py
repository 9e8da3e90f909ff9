"""`snakelm gc`: garbage collection, as a listing and a question."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from snakelm.cli.options import Subparsers
from snakelm.core.errors import UserError

if TYPE_CHECKING:
    from snakelm.maintenance.garbage import Item, Needed
    from snakelm.runs.store import Store

DESCRIPTION = """\
List what no given recipe needs (runs, links, cells, half-done work), and delete it once confirmed.

What a running job uses stays, and so does everything that a kept run was made of. Every recipe whose runs are to stay
must be given: --recipe config/a.yaml --recipe config/b.yaml.
"""


def add_parser(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "gc",
        help="List what no given recipe needs, and delete it once confirmed.",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--recipe",
        nargs="+",
        action="append",
        default=[],
        metavar="FILE",
        help="a recipe whose runs stay; may be given again (default: config/config.yaml)",
    )
    parser.add_argument(
        "--configfile", nargs="+", default=[], metavar="FILE", help="one recipe, several files merged, as for snakemake"
    )
    parser.add_argument("--yes", action="store_true", help="delete without asking")
    parser.set_defaults(function=run)


def run(given: argparse.Namespace) -> int:
    from snakelm.maintenance.garbage import delete, garbage, needed
    from snakelm.runs.store import Store
    from snakelm.workflow.rules import DEFAULT_RECIPE, read_plan

    store = Store()
    recipes = given.recipe + ([given.configfile] if given.configfile else []) or [[DEFAULT_RECIPE]]
    plans = [read_plan(files, {}, store) for files in recipes]
    stays = needed(plans, store)
    found = garbage(stays, store)
    if not found:
        print("nothing to collect: everything here is needed")
        return 0
    show(found)
    for line in [*in_use(stays), *left_out(found, recipes, store)]:
        print(line)
    if not given.yes and not (sys.stdin.isatty() and agreed(found)):
        print("nothing deleted" + ("" if sys.stdin.isatty() else "; --yes deletes what is listed"))
        return 0
    # A question may stand for hours: what has come into use meanwhile stays.
    found = [item for item in garbage(needed(plans, store), store) if item.path in {item.path for item in found}]
    freed = count = 0
    try:
        for item in delete(found, store):
            freed, count = freed + item.bytes, count + 1
    except OSError as error:
        raise UserError(
            f"{error.filename}: {error.strerror}; {count} deleted before it, {size(freed)} freed; fix that and rerun"
        ) from None
    print(f"deleted {count}, freed {size(freed)}")
    return 0


def show(items: list[Item]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console.width = 160
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("what", "where", "last used"):
        table.add_column(heading, no_wrap=heading != "where", overflow="fold")
    table.add_column("size", justify="right", no_wrap=True)
    for item in items:
        table.add_row(
            item.kind, str(item.path), time.strftime("%Y-%m-%d %H:%M", time.localtime(item.used)), size(item.bytes)
        )
    console.print(table)
    print(f"{len(items)} that no given recipe needs, {size(sum(item.bytes for item in items))}")


def in_use(stays: Needed) -> list[str]:
    lines = [f"in use, so it and its parents stay: {stage} {run_id}" for stage, run_id in sorted(stays.held)]
    if stays.running:
        lines.append("snakemake is running, so all that its jobs need stays (none runs? then: snakemake --unlock)")
    return lines


def left_out(items: list[Item], recipes: list[list[str]], store: Store) -> list[str]:
    """What else needs some of the items: other code's runs of these recipes, and recipes that were forgotten."""
    from snakelm.workflow.rules import read_plan

    def missed(files: list[str], overrides: dict[str, str]) -> int:
        runs = read_plan(files, overrides, store).runs.values()
        paths = {path for run in runs for path in (run.folder, store.work(run.stage, run.id))}
        return len(paths & {item.path for item in items})

    mentioned = {Path(file).resolve() for files in recipes for file in files}
    lines = [
        f"{count} of them are what {' '.join(files)} asks for, made by other code: on_code_change: keep keeps them"
        for files in recipes
        if (count := missed(files, {"on_code_change": "keep"}))
    ]
    for file in sorted(Path("config").glob("*.yaml")):
        if file.resolve() not in mentioned:
            try:
                count = missed([str(file)], {})
            except UserError:
                continue  # not a recipe by itself
            if count:
                lines.append(f"{file} needs {count} of them: keep these with --recipe {file}")
    return lines


def agreed(items: list[Item]) -> bool:
    try:
        return input(f"delete these {len(items)}? [y/N] ").strip().lower() in ("y", "yes")
    except (EOFError, KeyboardInterrupt):
        print()
        return False


def size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
