"""What a run cost: time, speed, arithmetic, memory, energy. Circumstance, not result."""

from __future__ import annotations

import resource
import subprocess
from typing import Any

WATTS_PER_THREAD = 10.0
"""Assumed draw of one busy CPU thread, where the machine does not tell (a server CPU of 200 W has 16 to 32)."""


def cost(seconds: float, threads: int, tokens: int, flops: float) -> dict[str, Any]:
    """Figures for the manifest's circumstance; the energy says how it was come by."""
    watts, source = _gpu_watts()
    if watts is None:
        watts, source = threads * WATTS_PER_THREAD, f"assumed: {WATTS_PER_THREAD:g} W per thread"
    figures = {
        "seconds_training": round(seconds, 1),
        "tokens_per_second": round(tokens / seconds, 1) if seconds else None,
        "model_flops_per_second": float(f"{flops / seconds:.4g}") if seconds else None,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "energy_wh_estimate": round(watts * seconds / 3600, 3),
        "energy_source": source,
        "device": _device(),
    }
    if (peak := _gpu_peak_mb()) is not None:
        figures["peak_gpu_memory_mb"] = peak
    return figures


def _device() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"


def _gpu_peak_mb() -> int | None:
    import torch

    return torch.cuda.max_memory_allocated() // 2**20 if torch.cuda.is_available() else None


def _gpu_watts() -> tuple[float | None, str]:
    """What the GPUs that this process sees draw together now, right after training; None without them."""
    import torch

    if not torch.cuda.is_available():
        return None, ""
    command = ["nvidia-smi", "--query-gpu=power.draw", "--format=csv,noheader,nounits"]
    try:
        lines = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.split()
        used = torch.cuda.device_count()
        return sum(map(float, lines)) / len(lines) * used, "nvidia-smi power.draw at the end × time"
    except (OSError, subprocess.SubprocessError, ValueError, ZeroDivisionError):
        return None, ""
