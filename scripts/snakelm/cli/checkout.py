"""The checkout that the library is a part of; an installed wheel is part of none."""

from __future__ import annotations

from pathlib import Path

from snakelm.core.errors import UserError


def checkout(command: str) -> Path:
    """Root of the checkout; UserError, in the name of the subcommand, where the library was installed from a wheel."""
    root = Path(__file__).resolve().parents[3]
    if not (root / "workflow" / "Snakefile").is_file():
        raise UserError(
            f"snakelm {command}: needs a checkout of the repository, and this snakelm was installed without one; clone "
            "it, and there: make .venv/ready && . .venv/bin/activate"
        )
    return root
