"""`snakelm predict`: a finished fine-tuning's predictions for a file of new rows."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from snakelm.cli.options import Subparsers, plan_of
from snakelm.workflow.snakemake_api import recipe_options

DESCRIPTION = """\
Predict the rows of a file by a finished fine-tuning: the same file, with the prediction and its score in new columns.

  snakelm predict finetune:tiny.era new.csv -o out.csv
  snakelm predict finetune:tiny.era.random.s2 new.jsonl.gz -o out.parquet
  zcat new.csv.gz | snakelm predict finetune:era - --format csv > out.csv

The file needs the columns that the task reads, not that of the labels. A name is that of a run (model.task.init.seed),
of all its seeds (model.task.init), of model.task or of the task; * stands for anything. Of several inits pretrained is
taken, of several seeds the first. The suffix of -o says the format, among them those of the field's own scorers
(.conllu and .conll for tags, .json for answers, .txt for one line per row). Rows stream: a file may be of any size.
"""


def add_parser(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "predict",
        help="Predict the rows of a file by a finished fine-tuning.",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[recipe_options()],
        allow_abbrev=False,
    )
    parser.add_argument("name", help="finetune:<name> of the run")
    parser.add_argument(
        "file", help="csv, tsv, jsonl, json, parquet, txt (a row is a line), conll or conllu; -: standard input"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="file to write (default: standard output)")
    parser.add_argument("--seed", type=int, help="the seed whose run predicts (default: the recipe's first)")
    parser.add_argument("--format", help="format of the file, where its suffix does not tell")
    parser.add_argument("--prefix", default="", help="what the names of the new columns begin with")
    parser.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="how the file is read, as in a source of a recipe; by default as the task's own of this format",
    )
    parser.add_argument("--threads", type=int, help="CPU threads (default: all)")
    parser.set_defaults(function=run)


def run(given: argparse.Namespace) -> None:
    import os

    from snakelm.core import console
    from snakelm.core.console import log
    from snakelm.prediction.finding import find
    from snakelm.prediction.predict import predict_file

    console.set_up("predict", None)
    plan, _ = plan_of(given)
    command = ["snakelm", "run", *(["--configfile", *map(str, given.configfile)] if given.configfile else [])]
    found = find(plan, given.name, given.seed, command)
    seeds = [str(other.subject.seed) for other in plan.job_of[found].runs]
    others = f" (seed {found.subject.seed} of {', '.join(seeds)}; --seed takes another)" if len(seeds) > 1 else ""
    log.info(f"predicting with finetune:{found.name}{others}")
    threads = given.threads or len(os.sched_getaffinity(0))
    predict_file(found, given.file, given.output, _keys(given), given.prefix, threads)


def _keys(given: argparse.Namespace) -> dict[str, Any]:
    """Keys of a source as the command line says them."""
    import yaml

    from snakelm.core.errors import UserError

    keys: dict[str, Any] = {} if given.format is None else {"format": given.format}
    for entry in given.source:
        name, equals, value = entry.partition("=")
        is_mark = len(value) < 2 and not value.isdigit()  # a delimiter or quote, which may mean something in YAML
        try:
            keys[name] = value if is_mark else yaml.safe_load(value)
        except yaml.YAMLError:
            keys[name] = value
        if not equals:
            raise UserError(f"--source {entry}: write KEY=VALUE, as in --source delimiter=;")
    return keys
