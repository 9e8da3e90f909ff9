"""Experiment trackers by name; what they write locally is kept with the run as circumstance, and counts for nothing.

A tracker's own environment variables choose its server, project and account (WANDB_MODE, MLFLOW_TRACKING_URI, …);
where they are unset, it writes beside the checkpoints. An attempt that resumes goes on with the tracker's run that
the attempt before it began.
"""

from __future__ import annotations

import importlib.util
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from snakelm.core.console import log
from snakelm.core.errors import UserError, one_line


@contextmanager
def reporting(names: Iterable[str], folder: Path, run_name: str) -> Iterator[None]:
    """Train inside: the trackers know where to write and under which name, and are finished in the end.

    Raises:
        UserError: a tracker is not installed (the line names the package), or cannot be started.
    """
    names = tuple(names)
    if missing := [name for name in names if importlib.util.find_spec(name) is None]:
        raise UserError(f"trackers: {', '.join(missing)} not installed; pip install {' '.join(missing)}")
    mine = names if os.environ.get("RANK", "0") == "0" else ()  # of several processes the first one reports
    before = dict(os.environ)
    failed, begun = True, []
    try:
        for name in mine:
            folder.mkdir(parents=True, exist_ok=True)
            try:
                _BEGIN[name](folder, run_name)
            except Exception as error:  # whatever a service's client raises: no account, no network, a bad address
                raise UserError(f"trackers: {name} cannot be started: {one_line(error)}; or leave it out") from error
            begun.append(name)
        yield
        failed = False
    finally:
        for name in begun:
            try:
                _finish(name, failed)
            except Exception as error:  # the model is trained: no tracker may take it away
                log.warning(f"trackers: {name} could not be finished: {one_line(error)}")
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def _begin_tensorboard(folder: Path, run_name: str) -> None:
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder / "tensorboard")


def _begin_wandb(folder: Path, run_name: str) -> None:
    import wandb

    file = folder / "wandb.id"
    if not file.exists():
        file.write_text(uuid.uuid4().hex)
    wandb.init(dir=str(folder), name=run_name, id=file.read_text(), resume="allow")


def _begin_trackio(folder: Path, run_name: str) -> None:
    os.environ.setdefault("TRACKIO_DIR", str(folder / "trackio"))  # it knows a run again by its name


def _begin_mlflow(folder: Path, run_name: str) -> None:
    import mlflow

    mlflow.set_tracking_uri(os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{folder / 'mlflow.db'}")
    if experiment := os.environ.get("MLFLOW_EXPERIMENT_NAME"):
        mlflow.set_experiment(experiment)
    file = folder / "mlflow.id"
    run = mlflow.start_run(run_id=file.read_text() if file.exists() else None, run_name=run_name)
    file.write_text(run.info.run_id)


def _finish(name: str, failed: bool) -> None:
    """The stock callbacks end neither a run that they did not begin, nor one of a training that failed."""
    if name == "wandb":
        import wandb

        wandb.finish(exit_code=int(failed))
    elif name == "mlflow":
        import mlflow

        mlflow.end_run("FAILED" if failed else "FINISHED")


_BEGIN = {
    "tensorboard": _begin_tensorboard,
    "wandb": _begin_wandb,
    "trackio": _begin_trackio,
    "mlflow": _begin_mlflow,
}
