"""One of several processes that pretrain one model together: python -m snakelm.pretrain.worker <order.json>."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import Any

from snakelm.artifacts.files import write_json
from snakelm.core import console, plugins
from snakelm.core.console import log
from snakelm.core.errors import UserError
from snakelm.execution.processes import end_with_parent, launch
from snakelm.execution.signals import OutOfMemory
from snakelm.pretrain.config import ModelConfig
from snakelm.pretrain.objectives import objectives
from snakelm.pretrain.train import train
from snakelm.runs.context import RunContext


def train_together(context: RunContext[ModelConfig], processes: int) -> dict[str, Any]:
    """Train in so many processes; the first writes the run, and its headline and times come back by file.

    Where one of them runs out of memory, all restart from the newest checkpoint with half as much per pass.
    """
    micro_batch = context.config.micro_batch_size
    while True:
        code, found = _attempt(context, processes, micro_batch)
        if (size := found.get("out_of_memory")) is None:
            break
        micro_batch = math.ceil(size / 2)
        log.warning(
            f"out of memory: restarting from the newest checkpoint with micro_batch_size {micro_batch} (it was"
            f" {size}); the batch stays {context.config.global_batch}"
        )
    if "trouble" in found:
        raise UserError(*found["trouble"])
    if code:
        raise SystemExit(code if code > 0 else 128 - code)
    context.times.update(found["times"])
    headline: dict[str, Any] = found["headline"]
    return headline


def _attempt(context: RunContext[ModelConfig], processes: int, micro_batch: int | None) -> tuple[int, dict[str, Any]]:
    """Exit code of the first worker that failed (0 if none), and what the workers answered."""
    order = context.work / "order.json"
    files = [handler.baseFilename for handler in console.log.handlers if hasattr(handler, "baseFilename")]
    threads = max(1, context.threads // processes)
    content = {
        "name": context.name,
        "config": context.config.model_dump(mode="json") | {"micro_batch_size": micro_batch},
        "parents": {role: str(folder) for role, folder in context.parents.items()},
        "out": str(context.out),
        "work": str(context.work),
        "threads": threads,
        "plugins": list(context.plugins),
        "log": files[0] if files else None,
    }
    write_json(order, content)
    answer = context.work / "answer.json"
    answer.unlink(missing_ok=True)
    code = launch("snakelm.pretrain.worker", [str(order)], processes, threads)
    return code, json.loads(answer.read_text()) if answer.exists() else {}


def main() -> None:
    """One worker, as `launch` starts it."""
    end_with_parent()
    order = json.loads(Path(sys.argv[1]).read_text())
    first = os.environ["RANK"] == "0"
    console.set_up(order["name"], Path(order["log"]) if order["log"] and first else None)
    if not first:
        console.log.setLevel("ERROR")
    plugins.load(order["plugins"])
    context = RunContext(
        order["name"],
        objectives.validate(order["config"]),
        {role: Path(folder) for role, folder in order["parents"].items()},
        Path(order["out"]),
        Path(order["work"]),
        threads=order["threads"],
    )

    answer = context.work / "answer.json"
    try:
        headline = train(context)
        if first:
            write_json(answer, {"headline": headline, "times": context.times})
    except OutOfMemory as error:
        write_json(answer, {"out_of_memory": error.args[0]})
        os._exit(1)  # without waiting for the others, which wait for this one
    except UserError as error:
        write_json(answer, {"trouble": list(error.lines)})
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
