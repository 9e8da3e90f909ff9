"""Write the report of invented runs to look at: python tests/report/look.py FOLDER [usual|ugly|tokenizers|nothing]."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from fake_runs import Results, ugly, usual
from snakelm.job import Job
from snakelm.report.config import ReportConfig
from snakelm.report.report import report


def tokenizers(root: Path) -> Results:
    results = Results(root)
    results.tokenizer("bpe", bytes_per_token=3.91)
    return results


if __name__ == "__main__":
    out, which = Path(sys.argv[1]), (sys.argv[2:] or ["usual"])[0]
    out.mkdir(parents=True, exist_ok=True)
    make = {"usual": usual, "ugly": ugly, "tokenizers": tokenizers, "nothing": Results}[which]
    with tempfile.TemporaryDirectory() as folder:
        parents = make(Path(folder)).parents
        description = "Does pretraining on the addresses help to date their paragraphs?"
        config = ReportConfig(title="State of the Union", description=description)
        print(report(Job("default", config, parents, out, out)))
