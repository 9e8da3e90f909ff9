"""Adopt: take an existing tokenizer or model folder as the run of a named entry, with a manifest that says so.

The folder is loaded the way every later stage will load it (AutoTokenizer, AutoModelFor…, safetensors only) and held
against the entry: same architecture, sizes and vocabulary, or it is refused with every difference in one line each.
What is taken are the plain files at its root; pickles, programs and training leftovers stay behind. Cost: one load.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from filelock import FileLock, Timeout

from snakelm.core.console import log
from snakelm.core.errors import UserError, did_you_mean
from snakelm.planning.orders import ordered
from snakelm.planning.plan import Plan, PlannedRun
from snakelm.pretrain.config import ModelConfig
from snakelm.runs import machine
from snakelm.runs.manifest import describe
from snakelm.runs.records import Circumstance, Manifest, Parent
from snakelm.runs.store import MANIFEST, file_table, is_complete, remove_empty, remove_tree
from snakelm.tokenization.outside import read_tokenizer
from snakelm.train_tokenizer.config import TokenizerConfig

STAGES = ("pretrain", "save_tokenizer")
LEFT_OUT = frozenset(
    [".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".npz", ".h5", ".msgpack", ".onnx"]
    + [".py", ".pyc", ".sh", ".part", ".lock"]
)
"""Pickles, other frameworks' weights and programs: nothing here reads them."""


def adopt(plan: Plan, entry: str, folder: Path, link: bool = False) -> Path:
    """Make `folder` the run of `entry` (`pretrain:<model>` or `save_tokenizer:<tokenizer>`); returns the run's folder.

    The folder itself is left as it is; with `link`, files are hard links where the disk allows it. UserError where the
    entry is unknown or complete, or where the folder is not what the entry says.
    """
    run = _run_of(plan, entry)
    names = _files(folder)
    if run.stage == "pretrain" and "config.json" not in names:
        below = ", ".join(sorted(str(path.parent) for path in folder.glob("*/config.json"))[:5])
        raise UserError(
            f"{folder}: no model can be loaded (it has no config.json){below and f'; one of these? {below}'}"
        )
    work = plan.store.work(run.stage, run.id)
    work.mkdir(parents=True, exist_ok=True)
    out = work / "out"
    try:
        with FileLock(work.with_name(f"{run.id}.lock"), timeout=0):
            remove_tree(out)
            out.mkdir()
            try:
                for name in names:
                    _take((folder / name).resolve(), out / name, link)
                headline = (
                    _checked_model(plan, run, out) if run.stage == "pretrain" else _checked_tokenizer(run, folder, out)
                )
                plan.store.publish(out, run.folder, _manifest(plan, run, out, folder, headline))
            except BaseException:
                remove_tree(out)
                raise
    except Timeout:
        raise UserError(f"{run.folder.name}: a job is making this run; stop it first, or let it finish") from None
    finally:
        remove_empty(work)
    plan.store.make_latest(plan.name)
    plan.store.link_run(plan.name, run.stage, run.names, run.folder)
    return run.folder


def _run_of(plan: Plan, entry: str) -> PlannedRun:
    stage, _, name = entry.partition(":")
    if stage not in STAGES or not name:
        raise UserError(f"{entry}: write pretrain:<model> or save_tokenizer:<tokenizer>")
    runs = {name: run for run in plan.of(stage) for name in run.names}
    if name not in runs:
        raise UserError(f"{entry}: the recipe has no such entry{did_you_mean(name, runs)}")
    run = runs[name]
    if run.done:
        raise UserError(
            f"{run.folder}: is complete already, and what is complete is never replaced; adopt under another entry"
        )
    for other in _unsettled(run, plan):
        raise UserError(
            f"{entry}: {other.stage} {other.name} is not made yet and may turn out the same as an earlier run, which "
            f"would change the id of this one; make it first: "
            f"snakemake --cores 2 --config only={other.stage}:{other.name}"
        )
    if stage == "pretrain" and not run.parents["tokenizer"].done:
        tokenizer = run.parents["tokenizer"].name
        raise UserError(
            f"{entry}: its tokenizer has to be there first, to hold the model against it; adopt it "
            f"(save_tokenizer:{tokenizer}), or make it: snakemake --cores 2 --config only=save_tokenizer:{tokenizer}"
        )
    return run


def _unsettled(run: PlannedRun, plan: Plan) -> Iterator[PlannedRun]:
    """What the run is made of, is not there, and has earlier runs that it may equal. (Nothing needs the training of a
    tokenizer that is adopted.)"""
    for parent in run.parents.values():
        yield from _unsettled(parent, plan)
        earlier = (is_complete(folder) for folder in plan.store.folders_of(parent.stage, parent.name))
        if not parent.done and parent.stage != "train_tokenizer" and any(earlier):
            yield parent


def _files(folder: Path) -> list[str]:
    """The files to take, by name; a line about those left behind."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f"{folder}: cannot be read as a folder ({error.strerror})") from None
    taken, left = [], []
    for path in entries:
        plain = path.is_file() and not path.name.startswith(".")
        if plain and path.suffix.lower() not in LEFT_OUT and path.name != MANIFEST:
            taken.append(path.name)
        elif not path.name.startswith("."):
            left.append(path.name)
    if left:
        log.info("left behind: %s", ", ".join(left))
    return taken


def _take(source: Path, target: Path, link: bool) -> None:
    if link:
        try:
            os.link(source, target)
            return
        except OSError:
            pass  # another disk, or links are not allowed: a copy serves as well
    shutil.copyfile(source, target)


def _checked_tokenizer(run: PlannedRun, folder: Path, out: Path) -> dict[str, Any]:
    tokenizer = read_tokenizer(out, folder)
    if not tokenizer.is_fast:
        raise UserError(f"{run.name}: no fast tokenizer (tokenizer.json), which all later stages need")
    entry = cast(TokenizerConfig, run.parents["trained"].typed())
    lacking = [role for role in entry.role_tokens() if getattr(tokenizer, role) is None]
    if lacking:
        raise UserError(f"{run.name}: lacks {', '.join(lacking)}, which its models need; add it to the tokenizer")
    if not (out / "tokenizer.json").exists():  # made of a vocabulary alone; what it does is written down
        tokenizer.backend_tokenizer.save(str(out / "tokenizer.json"))
    return {"vocab_size": len(tokenizer)}


def _checked_model(plan: Plan, run: PlannedRun, folder: Path) -> dict[str, Any]:
    from snakelm.pretrain.results import TOKENIZER_FILES

    tokenizer_run = run.parents["tokenizer"]
    tokenizer = read_tokenizer(tokenizer_run.folder)
    if (folder / "tokenizer.json").exists():
        own = read_tokenizer(folder).get_vocab()
        if own != tokenizer.get_vocab():
            raise UserError(
                f"{run.name}: the folder's tokenizer ({len(own)} tokens) is not tokenizer {tokenizer_run.name} "
                f"({len(tokenizer)}); adopt it as save_tokenizer:{tokenizer_run.name} first"
            )
    else:
        for name in TOKENIZER_FILES.split():
            if (tokenizer_run.folder / name).exists():
                shutil.copyfile(tokenizer_run.folder / name, folder / name)
    problems = list(_differences(run, folder, tokenizer))
    if problems:
        raise UserError(*(f"{run.name}: {problem}" for problem in problems))
    return {"parameters": _load_model(run, folder).num_parameters()}


def _differences(run: PlannedRun, folder: Path, tokenizer: Any) -> Iterator[str]:
    """What sets the folder's network apart from the one that the entry describes."""
    from snakelm.architectures.build import build_config
    from snakelm.architectures.outside import read_config
    from snakelm.architectures.sizes import HEADS, HIDDEN, LAYERS, longest_input

    found = read_config(folder, run.name)
    architecture = cast(ModelConfig, run.typed()).architecture_config()
    if found.model_type != architecture.architecture:
        yield f"architecture is {found.model_type}, the recipe says {architecture.architecture}"
        return
    if not list(folder.glob("*.safetensors")):
        yield "no weights in safetensors (pickles are not read); save it anew with save_pretrained"
    expected = build_config(architecture, tokenizer)
    for names, key in ((HIDDEN, "hidden_size"), (LAYERS, "layers"), (HEADS, "heads")):
        for name in names:
            ours, theirs = getattr(expected, name, None), getattr(found, name, None)
            if ours is not None and ours != theirs:
                yield f"{key} is {theirs}, the recipe says {ours}"
                break
    wanted, limit = longest_input(expected), longest_input(found)
    if wanted is not None and limit is not None and limit < wanted:
        yield f"reads {limit} positions, the recipe asks for {wanted}"
    if (rows := getattr(found, "vocab_size", None)) is not None and rows < len(tokenizer):
        yield f"knows {rows} tokens, the tokenizer has {len(tokenizer)}"


def _load_model(run: PlannedRun, folder: Path) -> Any:
    """The model, loaded whole: weights that are missing or of another shape are refused."""
    import transformers

    from snakelm.architectures.build import AUTO_CLASSES
    from snakelm.architectures.outside import read_weights

    auto = getattr(transformers, AUTO_CLASSES[cast(ModelConfig, run.typed()).network])
    loaded = read_weights(auto, folder, said=run.name)
    loaded.require_whole(run.name)
    return loaded.model


def _manifest(plan: Plan, run: PlannedRun, out: Path, folder: Path, headline: dict[str, Any]) -> Manifest:
    files = file_table(out)
    now = machine.now()
    # The config says what the entry asks for; that training really went so is the word of whoever adopts.
    return describe(
        ordered(run),
        plan.store,
        stage=run.stage,
        run_id=run.id,
        identity=dict(run.identity),
        parents={role: Parent(parent.stage, parent.name, parent.canonical) for role, parent in run.parents.items()},
        sources=dict(run.sources),
        code=run.code,
        files=files,
        headline=headline,
        circumstance=Circumstance(
            started=now,
            finished=now,
            machine=machine.description(),
            adopted={"from": str(folder.resolve()), "when": now},  # a path of this machine: no part of identity
        ),
        adopted={name: entry.sha256 for name, entry in files.items()},
    )
