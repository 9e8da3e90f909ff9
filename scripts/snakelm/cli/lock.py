"""`snakelm lock`: TODO"""

from __future__ import annotations

import argparse

from snakelm.cli.options import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    text = "Pin every package that pyproject.toml needs: requirements.txt and envs/snakelm.yaml of this checkout."
    parser = subparsers.add_parser("lock", help=text, description=text, allow_abbrev=False)
    parser.set_defaults(function=run)


def run(given: argparse.Namespace) -> None: ...
