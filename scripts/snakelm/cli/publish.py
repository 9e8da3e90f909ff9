"""`snakelm publish`: push a model or tokenizer, with its card, to the Hugging Face Hub."""

from __future__ import annotations

import argparse

from snakelm.cli.options import Subparsers, plan_of
from snakelm.workflow.snakemake_api import parse_overrides, recipe_options

DESCRIPTION = """\
Show what would be pushed to the Hugging Face Hub: the files of a finished model or tokenizer, and its card. With --push
it is pushed, once every file has been held against its sha256. Predictions, samples, logs and manifests stay here.

  snakelm publish pretrain:tiny --to me/tiny
  snakelm publish finetune:tiny.era.pretrained.s1 --to me/tiny-era --private --push

The token is that of `hf auth login`, or HF_TOKEN.
"""


def add_parser(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "publish",
        help="Show what would be pushed to the Hugging Face Hub of a model or tokenizer; with --push, push it.",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[recipe_options()],
        allow_abbrev=False,
    )
    parser.add_argument("entry", help="pretrain:<model>, finetune:<run> or save_tokenizer:<tokenizer>")
    parser.add_argument("--to", required=True, metavar="OWNER/NAME", help="repository; made where there is none")
    parser.add_argument("--private", action="store_true", help="make the repository private")
    parser.add_argument("--license", metavar="ID", help="license of the model, for its card, such as apache-2.0")
    parser.add_argument("--push", action="store_true", help="push it; without this nothing leaves this machine")
    parser.set_defaults(function=run)


def run(given: argparse.Namespace) -> None:
    from snakelm.cli.gc import size
    from snakelm.publishing.card import CardMaker
    from snakelm.publishing.scores import Scores
    from snakelm.publishing.upload import find, prepare, push
    from snakelm.recipe.command import command_of

    plan, _ = plan_of(given)
    overrides = {key: value for key, value in parse_overrides(given.config).items() if key != "only"}
    maker = CardMaker(plan, tuple(command_of([str(file) for file in given.configfile], overrides)), Scores(plan))
    upload = prepare(maker, find(plan, given.entry), given.to, given.private, given.license)
    sizes = upload.sizes
    if not given.push:
        print(upload.card)
    visibility = "private" if given.private else "public"
    print(f"{given.entry} ({upload.run.folder}) to the {visibility} repository {given.to}:")
    for name, count in sizes.items():
        print(f"  {name:<32} {size(count):>10}")
    print(f"  {len(sizes)} files, {size(sum(sizes.values()))}")
    if given.push:
        print(f"pushed: {push(upload)}")
    else:
        print("nothing was pushed; --push does it")
