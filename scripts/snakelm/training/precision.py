"""Which number format to train in, gated on the hardware: bf16 autocast on a CPU that lacks it is 36 times slower."""

from __future__ import annotations

import torch

from snakelm.core.errors import UserError


def resolve(precision: str) -> str:
    """'auto' → bfloat16 where the hardware computes in it, else float32; a format asked for by name is checked."""
    if precision == "auto":
        return "bfloat16" if _fast_bfloat16() else "float32"
    if precision == "float16" and not torch.cuda.is_available():
        raise UserError("precision: float16 needs a GPU; use float32 or auto")
    if precision == "bfloat16" and not _fast_bfloat16():
        raise UserError("precision: bfloat16 is not supported in this machine's hardware; use float32 or auto")
    return precision


def _fast_bfloat16() -> bool:
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
