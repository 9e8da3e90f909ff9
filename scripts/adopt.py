"""Take an existing model or tokenizer folder as the finished run of an entry: everything below it is made of it.

python scripts/adopt.py save_tokenizer:bpe path/to/tokenizer
python scripts/adopt.py pretrain:tiny path/to/model --configfile config/config.yaml
"""

import argparse
from pathlib import Path

from snakelm.cli.options import command, plan_of, recipe_options
from snakelm.core import console
from snakelm.maintenance.adoption import adopt


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, parents=[recipe_options()], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("entry", help="pretrain:<model> or save_tokenizer:<tokenizer>")
    parser.add_argument("folder", type=Path, help="what save_pretrained wrote, or what was downloaded")
    parser.add_argument("--link", action="store_true", help="hard links in place of copies, where the disk allows it")
    given = parser.parse_args()
    console.set_up("adopt", None)
    print(f"adopted as {adopt(plan_of(given)[0], given.entry, given.folder, given.link)}")


if __name__ == "__main__":
    command(main)
