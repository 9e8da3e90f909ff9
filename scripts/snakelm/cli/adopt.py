"""`snakelm adopt`: an existing model or tokenizer folder becomes the finished run of an entry."""

from __future__ import annotations

import argparse
from pathlib import Path

from snakelm.cli.options import Subparsers, plan_of
from snakelm.workflow.snakemake_api import recipe_options

DESCRIPTION = """\
Take an existing model or tokenizer folder as the finished run of an entry: everything below it is made of it.

  snakelm adopt save_tokenizer:bpe path/to/tokenizer
  snakelm adopt pretrain:tiny path/to/model --configfile config/config.yaml
"""


def add_parser(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "adopt",
        help="Take an existing model or tokenizer folder as the finished run of an entry.",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[recipe_options()],
        allow_abbrev=False,
    )
    parser.add_argument("entry", help="pretrain:<model> or save_tokenizer:<tokenizer>")
    parser.add_argument("folder", type=Path, help="what save_pretrained wrote, or what was downloaded")
    parser.add_argument("--link", action="store_true", help="hard links in place of copies, where the disk allows it")
    parser.set_defaults(function=run)


def run(given: argparse.Namespace) -> None:
    from snakelm.core import console
    from snakelm.maintenance.adoption import adopt

    console.set_up("adopt", None)
    print(f"adopted as {adopt(plan_of(given)[0], given.entry, given.folder, given.link)}")
