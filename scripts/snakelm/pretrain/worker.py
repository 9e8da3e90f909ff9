"""One of several processes that pretrain one model together: python -m snakelm.pretrain.worker <order.json>."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import Any

from snakelm.core import console
from snakelm.core.console import log
from snakelm.core.errors import UserError
from snakelm.execution.launch import end_with_parent, launch
from snakelm.execution.signals import OutOfMemory
from snakelm.pretrain.config import ModelConfig
from snakelm.runs.context import RunContext


def train_together(context: RunContext[ModelConfig], processes: int) -> dict[str, object]:
    """Train in so many processes; the first writes the run, and its headline and times come back by file.

    Where one of them runs out of memory, all begin anew from the newest checkpoint with half as much per pass.
    """
    micro_batch = context.config.micro_batch_size
    while True:
        code, found = _attempt(context, processes, micro_batch)
        if (size := found.get("out_of_memory")) is None:
            break
        micro_batch = math.ceil(size / 2)
        log.warning(
            f"out of memory: beginning again from the newest checkpoint with micro_batch_size {micro_batch} (it was"
            f" {size}); the batch stays {context.config.global_batch}"
        )
    if "trouble" in found:
        raise UserError(*found["trouble"])
    if code:
        raise SystemExit(code if code > 0 else 128 - code)
    context.times.update(found["times"])
    return found["headline"]


def _attempt(context: RunContext[ModelConfig], processes: int, micro_batch: int | None) -> tuple[int, dict[str, Any]]:
    """Exit code of the first worker that failed (0 if none), and what the workers answered."""
    order = context.work / "order.json"
    files = [handler.baseFilename for handler in console.log.handlers if hasattr(handler, "baseFilename")]
    context.work.mkdir(parents=True, exist_ok=True)
    order.write_text(
        json.dumps(
            {
                "name": context.name,
                "config": context.config.model_dump(mode="json") | {"micro_batch_size": micro_batch},
                "parents": {role: str(folder) for role, folder in context.parents.items()},
                "out": str(context.out),
                "work": str(context.work),
                "threads": max(1, context.threads // processes),
                "log": files[0] if files else None,
            }
        )
    )
    answer = context.work / "answer.json"
    answer.unlink(missing_ok=True)
    code = launch("snakelm.pretrain.worker", [str(order)], processes, max(1, context.threads // processes))
    return code, json.loads(answer.read_text()) if answer.exists() else {}


def main() -> None:
    end_with_parent()
    order = json.loads(Path(sys.argv[1]).read_text())
    first = os.environ["RANK"] == "0"
    console.set_up(order["name"], Path(order["log"]) if order["log"] and first else None)
    if not first:
        console.log.setLevel("ERROR")
    context = RunContext(
        order["name"],
        ModelConfig(**order["config"]),
        {role: Path(folder) for role, folder in order["parents"].items()},
        Path(order["out"]),
        Path(order["work"]),
        threads=order["threads"],
    )

    answer = context.work / "answer.json"
    try:
        from snakelm.pretrain.pretrain import train

        headline = train(context)
        if first:
            answer.write_text(json.dumps({"headline": headline, "times": context.times}))
    except OutOfMemory as error:
        answer.write_text(json.dumps({"out_of_memory": error.args[0]}))
        os._exit(1)  # without waiting for the others, which wait for this one
    except UserError as error:
        answer.write_text(json.dumps({"trouble": list(error.lines)}))
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
