"""Mutants of the code that enters no id: does any of them change what is in a run, without a word?

    python -m tests.runs.mutation FOLDER --each 3

A recipe of a few seconds is made by the code as it is. Then one place at a time in the modules of CARRIERS is changed
(a number, a text, a truth value, a comparison, `and`/`or`, `not`, a returned value), and the job of one stage is made
again, from whole parents, as the order says. Its files and headline must be the same bytes, or the job must fail.

Each mutant is one process, forked from one that has imported the libraries but nothing of ours; the mutated module is
put in its place by an import hook. About 1 s a mutant.
"""

from __future__ import annotations

import argparse
import ast
import importlib.abc
import importlib.util
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIBRARY = Path(__file__).resolve().parents[2] / "scripts"
STAGES = (
    "fetch_corpus", "train_tokenizer", "save_tokenizer", "encode_corpus", "pretrain", "finetune", "evaluate", "report",
)  # fmt: skip
TRAINS = ("pretrain", "finetune")
LIMIT = 60.0
"""Seconds after which a mutant has failed: a job that hangs is not silently different."""
SAME, FAILED, DIFFERENT = "same bytes", "failed", "SILENTLY DIFFERENT"
RECIPE = """
corpora: {c: {files: text.txt, unit: line, split: {validation: 0.2}}}
tokenizers: {t: {corpus: c, vocab_size: 300}}
models:
  m: {corpus: c, tokenizer: t, architecture: gpt2, objective: clm, hidden_size: 8, layers: 1, heads: 1, steps: 2,
      sequence_length: 8, batch_size: 2, precision: float32}
tasks:
  k: {type: text_classification, data: {files: rows.csv}, steps: 2, batch_size: 2, precision: float32}
experiments: [{model: m, tasks: k, seeds: [1], init: [pretrained]}]
"""


@dataclass(frozen=True)
class Mutant:
    """One changed place of one module."""

    module: str
    line: int
    what: str
    source: str


def carriers() -> dict[str, Path]:
    """Module → file of everything that enters no id."""
    packages = ("core", "runs", "execution")  # that these are CARRIERS is a test of the architecture
    files = [path for package in packages for path in sorted((LIBRARY / "snakelm" / package).glob("*.py"))]
    return {f"snakelm.{path.parent.name}.{path.stem}": path for path in files if path.stem != "__init__"}


def mutants(module: str, path: Path, each: int) -> list[Mutant]:
    """At most so many mutants of a module, spread evenly over its places."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    places = list(_places(tree))
    count = min(each, len(places))
    chosen = [(2 * number + 1) * len(places) // (2 * count) for number in range(count)]
    found = []
    for index in chosen:
        changed = deepcopy(tree)
        node, what, change = list(_places(changed))[index]
        change()
        found.append(Mutant(module, node.lineno, what, ast.unparse(ast.fix_missing_locations(changed))))
    return found


def _places(tree: ast.AST) -> Iterator[tuple[Any, str, Callable[[], None]]]:
    """(node, what is changed, a function that changes it) of every place that can be mutated, in order."""
    for node in _meaningful(tree):
        match node:
            case ast.Constant(value=bool()):
                yield node, f"{node.value} → {not node.value}", lambda node=node: setattr(node, "value", not node.value)
            case ast.Constant(value=int() | float()):
                yield node, f"{node.value} + 1", lambda node=node: setattr(node, "value", node.value + 1)
            case ast.Constant(value=str()):
                yield node, f"{node.value!r} + '~'", lambda node=node: setattr(node, "value", node.value + "~")
            case ast.Compare(ops=[operator, *_]) if type(operator) in _NEGATED:
                negated = _NEGATED[type(operator)]
                change = lambda node=node, negated=negated: node.ops.__setitem__(0, negated())  # noqa: E731
                yield node, f"{type(operator).__name__} → {negated.__name__}", change
            case ast.BoolOp():
                other = ast.Or if isinstance(node.op, ast.And) else ast.And
                yield node, f"→ {other.__name__}", lambda node=node, other=other: setattr(node, "op", other())
            case ast.UnaryOp(op=ast.Not()):
                yield node, "not → bool", lambda node=node: setattr(node, "op", ast.UAdd())
            case ast.Return(value=ast.expr()):
                yield node, "returns None", lambda node=node: setattr(node, "value", ast.Constant(None))


_PAIRS = ((ast.Eq, ast.NotEq), (ast.Lt, ast.GtE), (ast.Gt, ast.LtE), (ast.In, ast.NotIn), (ast.Is, ast.IsNot))
_NEGATED: dict[type, type] = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}


def _meaningful(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes whose change means something: no docstrings, annotations, or what is said to people."""
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or name in ("annotation", "returns"):
                continue
            if isinstance(child, (ast.Raise, ast.JoinedStr)) or (
                isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
            ):
                continue
            if isinstance(child, ast.Call) and ast.unparse(child.func).startswith(("log.", "argparse.")):
                continue
            yield child
            yield from _meaningful(child)


# --- in the processes of the mutants ---


class _Hook(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from a source of ours."""

    def __init__(self, module: str, path: Path, source: str):
        self.module, self.path, self.source = module, path, source

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.module else None

    def exec_module(self, module: Any) -> None:
        exec(compile(self.source, str(self.path), "exec"), module.__dict__)


def make(stage: str) -> None:
    """Make the runs of the stage's job, as its order says; called in the folder of the recipe."""
    from snakelm.artifacts import records
    from snakelm.runs.making import Digests, Maker
    from snakelm.runs.records import Order
    from snakelm.runs.stages import STAGES, resolve
    from snakelm.runs.store import Store

    (path,) = Path("results/.work/orders", stage).glob("*.json")
    order, described = records.read(Order, path), STAGES[stage]
    for run in order.runs:
        Maker(described, resolve(described.function), Store(), order, run, 1, Digests.of(Store())).make()


def make_all() -> None:
    """Plan the recipe, write its orders and make everything."""
    from snakelm.planning.orders import write_orders
    from snakelm.planning.planner import make_plan
    from snakelm.recipe.loading import load

    write_orders(make_plan(load(["r.yaml"]), name="r"))
    for stage in STAGES:
        make(stage)


def _in_a_process(folder: Path, work: Callable[[], None], limit: float = LIMIT) -> bool:
    """Whether the work was done, without an exception and in time, by a process of its own in this folder."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            os.setsid()
            silent = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(silent, 1)
            os.dup2(silent, 2)
            os.chdir(folder)
            work()
            code = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.01)
    os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return False


def artifacts(run: Path) -> dict[str, Any]:
    """What is in a run: its files but for those under circumstance/, and the headline."""
    found: dict[str, Any] = {
        path.relative_to(run).as_posix(): path.read_bytes()
        for path in run.rglob("*")
        if path.is_file() and not path.name.endswith("manifest.json") and path.parent.name != "circumstance"
    }
    return found | {"headline": json.loads((run / "manifest.json").read_text(encoding="utf-8"))["headline"]}


class Laboratory:
    """The recipe, made once by the code as it is."""

    def __init__(self, folder: Path):
        self.folder, self.whole, self.count = folder, folder / "whole", 0
        self.whole.mkdir(parents=True)
        sentences = (f"{('one', 'two', 'three', 'four')[n % 4]} apples and {n} pears." for n in range(60))
        (self.whole / "text.txt").write_text("\n".join(sentences) + "\n")
        rows = "".join(f"{'good' if n % 2 else 'bad'} number {n},{'yes' if n % 2 else 'no'}\n" for n in range(40))
        (self.whole / "rows.csv").write_text("text,label\n" + rows)
        (self.whole / "r.yaml").write_text(RECIPE)
        if not _in_a_process(self.whole, make_all, limit=300):
            raise RuntimeError((self.whole / "log.txt").read_text()[-3000:])
        self.runs = {stage: self._run_of(self.whole, stage) for stage in STAGES}
        self.wanted = {stage: artifacts(run) for stage, run in self.runs.items()}

    @staticmethod
    def _run_of(folder: Path, stage: str) -> Path:
        (run,) = (path for path in (folder / "results" / stage).iterdir() if (path / "manifest.json").is_file())
        return run

    def verdict(self, stage: str, module: str, source: str) -> str:
        """What comes of the stage's job when the module's source is this."""
        self.count += 1
        here = self.folder / f"{self.count}-{stage}"
        (here / "results" / ".work").mkdir(parents=True)
        for name in ("text.txt", "rows.csv"):
            (here / name).symlink_to(self.whole / name)
        (here / "results" / ".work" / "orders").symlink_to(self.whole / "results" / ".work" / "orders")
        for other in STAGES:
            (here / "results" / other).mkdir()
            if other != stage:
                (here / "results" / other / self.runs[other].name).symlink_to(self.runs[other])

        def work() -> None:
            sys.meta_path.insert(0, _Hook(module, LIBRARY.joinpath(*module.split(".")).with_suffix(".py"), source))
            make(stage)

        made = here / "results" / stage / self.runs[stage].name
        if not _in_a_process(here, work):
            return FAILED
        try:
            return SAME if artifacts(made) == self.wanted[stage] else DIFFERENT
        except (OSError, TypeError, ValueError):  # no manifest, or none that anybody would take for one
            return FAILED


def can_see(laboratory: Laboratory) -> bool:
    """Whether a change to code that does count is seen, or nothing that is said here would mean anything."""
    module = "snakelm.fetch_corpus.clean"
    source = LIBRARY.joinpath(*module.split(".")).with_suffix(".py").read_text(encoding="utf-8")
    edit = "\nCleaner.__call__ = lambda self, value, *_: value.upper()\n"
    return laboratory.verdict("fetch_corpus", module, source + edit) == DIFFERENT


def preload() -> None:
    """Import the libraries, and nothing of ours."""
    import datasets, matplotlib.figure, pandas, pyarrow.parquet, pydantic, sklearn.linear_model  # noqa: E401, F401, I001
    import tokenizers, torch, transformers.trainer  # noqa: E401, F401

    torch.set_num_threads(1)  # no pool of threads, which would not outlive a fork
    assert not any(name.startswith("snakelm") for name in sys.modules)


def stage_for(module: str, number: int) -> str:
    """The stage that a module's n-th mutant makes: those that train for what carries trainings, else each in turn."""
    if module.startswith("snakelm.execution"):
        return TRAINS[number % 2]
    light = [stage for stage in STAGES if stage not in TRAINS]
    place = list(carriers()).index(module)
    return light[(place + number) % len(light)]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="a folder to work in, which must not exist")
    parser.add_argument("--each", type=int, default=2, help="mutants of each module at most (default: 2)")
    parser.add_argument("--module", action="append", help="this module alone, such as snakelm.runs.making")
    parser.add_argument("--stage", action="append", choices=STAGES, help="make this stage with every mutant")
    given = parser.parse_args()
    sys.path.insert(0, str(LIBRARY))
    os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "CUDA_VISIBLE_DEVICES": ""}
    preload()
    laboratory = Laboratory(given.folder.absolute())
    if not can_see(laboratory):
        print("a change to what counts went unseen: these mutants prove nothing")
        return 2
    counts: Counter[str] = Counter()
    for module, path in carriers().items():
        for number, mutant in enumerate(mutants(module, path, given.each)):
            if given.module and module not in given.module:
                continue
            for stage in given.stage or [stage_for(module, number)]:
                verdict = laboratory.verdict(stage, module, mutant.source)
                counts[verdict] += 1
                print(f"{verdict:<20} {stage:<16} {module}:{mutant.line}  {mutant.what}", flush=True)
    print(", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))
    return int(bool(counts[DIFFERENT]))


if __name__ == "__main__":
    sys.exit(main())
