"""Which of the jobs that could start does start first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from snakelm.recipe.schema import Recipe
from snakelm.runs.stages import STAGES
from snakelm.workflow.rules import priorities

SNAKEFILE = """
rule all:
    input: "wide", expand("narrow{{n}}", n=range(4))

rule wide:
    output: "wide"
    priority: {wide}
    threads: 2
    shell: "sleep 0.2; touch {{output}}; echo wide >> order"

rule narrow:
    output: "narrow{{n}}"
    priority: {narrow}
    shell: "sleep 0.2; touch {{output}}; echo narrow >> order"
"""


@pytest.mark.parametrize("threads", [1, 2, 16])
def test_a_job_goes_before_as_many_later_ones_as_fit_in_its_place(threads: int) -> None:
    resources = {stage: {"threads": threads} for stage in ("encode_corpus", "pretrain")}
    found = priorities(Recipe.model_validate({"resources": resources}))
    for before, after in zip(STAGES, list(STAGES)[1:], strict=False):
        width = threads if before in resources else 2 if before == "train_tokenizer" else 1
        assert found[before] > width * found[after]


@pytest.mark.parametrize("scheduler", ["ilp", "greedy"])
def test_snakemake_starts_a_wide_job_first_that_others_wait_for(tmp_path: Path, scheduler: str) -> None:
    """Its default scheduler adds priorities up: two fine-tunings of 3 are more than one pretraining of 4."""
    found = priorities(Recipe())
    text = SNAKEFILE.format(wide=found["pretrain"], narrow=found["finetune"])
    (tmp_path / "Snakefile").write_text(text)
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--scheduler", scheduler]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "order").read_text().split() == ["wide"] + ["narrow"] * 4
