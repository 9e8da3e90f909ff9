"""How long a report of a thousand experiments takes, how large it is, and how soon Chromium has opened it.

    python benchmarks/report.py [--experiments 1000]

Makes invented runs (models × 10 tasks, pretrained, random and a baseline, 3 seeds) in a temporary folder. The last
line is `load <seconds>`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[1] / "scripts")]

from snakelm.report.config import ReportRunConfig  # noqa: E402
from snakelm.report.report import report  # noqa: E402
from snakelm.runs.context import RunContext  # noqa: E402
from tests.report.browser import CHROMIUM, opened  # noqa: E402
from tests.report.fake_runs import many  # noqa: E402


def main(experiments: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        results = many(Path(folder) / "results", experiments)
        print(f"runs {len(results.parents):,}")
        out = Path(folder) / "out"
        out.mkdir()
        began = time.perf_counter()
        report(RunContext("many", ReportRunConfig(), results.parents, out, out, subjects=results.subjects))
        print(f"seconds {time.perf_counter() - began:.1f}")
        page = out / "circumstance" / "report.html"
        print(f"bytes {page.stat().st_size:,}")
        print(f"largest picture {max(file.stat().st_size for file in out.glob('results.*')):,} bytes")
        if not CHROMIUM:
            print("load: there is no Chromium here")
            return
        found = sorted((opened(page, patience=0) for _ in range(3)), key=lambda one: one.load)[1]
        print(f"rows in the page at once {found.rows}, console lines {len(found.console)}")
        print(f"load {found.load / 1000:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Time the report of many experiments, and how soon it is open.")
    parser.add_argument("--experiments", type=int, default=1000, help="how many (default: 1000)")
    main(parser.parse_args().experiments)
