"""How often 95 % intervals hold the truth, in simulated tests with known variances between seeds and between rows.

    python benchmarks/coverage.py [--repeat 2000] [--seeds 1 3 5 10] [--rows 100 500 2000] [--metrics accuracy mcc …]

A table per metric; columns are the variance between seeds, in units of all that differs between rows (half of it the
row's own, half noise). With one seed the interval speaks of that seed, so its column is 0. The last line is
`coverage <lowest> <highest>`. All of it takes about 10 minutes of CPU.
"""

import argparse
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent.parent / "scripts")]

from tests.statistics.simulation import KINDS, coverage, coverage_of_differences  # noqa: E402

OF_SEEDS = (0.0, 0.001, 0.01, 0.1)
DIFFERENCE = "difference of accuracies"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 3, 5, 10])
    parser.add_argument("--rows", type=int, nargs="+", default=[100, 500, 2000])
    parser.add_argument("--metrics", nargs="+", default=[*KINDS, DIFFERENCE])
    given = parser.parse_args()
    found = []
    for metric in given.metrics:
        print(f"\n{metric}\nseeds  rows  " + "  ".join(f"{variance:>6g}" for variance in OF_SEEDS))
        for seeds in given.seeds:
            for rows in given.rows:
                shares = []
                for variance in OF_SEEDS if seeds > 1 else OF_SEEDS[:1]:
                    if metric == DIFFERENCE:
                        shares.append(coverage_of_differences(seeds, rows, variance, given.repeat))
                    else:
                        shares.append(coverage(metric, seeds, rows, variance, repeat=given.repeat))
                print(f"{seeds:>5}  {rows:>4}  " + "  ".join(f"{share:6.3f}" for share in shares), flush=True)
                found += shares
    print(f"\ncoverage {min(found):.3f} {max(found):.3f}")


if __name__ == "__main__":
    main()
