"""The stages, in the order in which their runs are made, and what sets one apart from another."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stage:
    """A stage: a rule of the workflow, a script, and the package of the library that has its code."""

    name: str
    function: str
    """`module:name` of the function that makes a run: RunContext → headline numbers."""
    config: str
    """`module:name` of its config: a class, or a Registry of classes."""
    libraries: tuple[str, ...] = ()
    """Those whose version can change what is in a run."""
    compares_content: bool = True
    """Whether a run with the same bytes as an earlier one counts as that one to its children. (Where children cost
    next to nothing, that is not worth looking for.)"""
    outputs: tuple[str, ...] = ()
    """Files of a run that Snakemake waits for too, beside the manifest. (It may take them away when it is killed.)"""
    by_cell: bool = False
    """Whether one job makes the runs of a whole cell (all seeds of one model, task and start) in one process.
    Snakemake then waits for a file that lists them, in place of a manifest."""

    @property
    def modules(self) -> tuple[str, ...]:
        """Where the code of the stage begins."""
        return tuple(dict.fromkeys(place.partition(":")[0] for place in (self.function, self.config)))


def resolve(place: str) -> Any:
    """What `module:name` names."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage(
            "fetch_corpus",
            "snakelm.fetch_corpus.fetch:fetch_corpus",
            "snakelm.fetch_corpus.config:CorpusConfig",
            ("datasets", "pandas", "numpy"),
        ),
        Stage(
            "train_tokenizer",
            "snakelm.train_tokenizer.train:train_tokenizer",
            "snakelm.train_tokenizer.config:TokenizerConfig",
            ("tokenizers", "transformers", "numpy", "scipy"),
        ),
        Stage(
            "save_tokenizer",
            "snakelm.save_tokenizer.save:save_tokenizer",
            "snakelm.save_tokenizer.config:SaveConfig",
            ("tokenizers", "transformers"),
        ),
        Stage(
            "encode_corpus",
            "snakelm.encode_corpus.encode:encode_corpus",
            "snakelm.encode_corpus.config:EncodeConfig",
            ("tokenizers", "transformers", "numpy"),
        ),
        Stage(
            "pretrain",
            "snakelm.pretrain.pretrain:pretrain",
            "snakelm.pretrain.objectives:objectives",
            ("torch", "transformers", "tokenizers", "accelerate", "numpy"),
        ),
        Stage(
            "finetune",
            "snakelm.finetune.finetune:finetune",
            "snakelm.finetune.config:FinetuneConfig",
            ("torch", "transformers", "tokenizers", "accelerate", "datasets", "pandas", "numpy", "scikit-learn"),
            compares_content=False,
            by_cell=True,
        ),
        Stage(
            "evaluate",
            "snakelm.evaluate.evaluate:evaluate",
            "snakelm.evaluate.config:EvaluateConfig",
            ("numpy", "scipy", "scikit-learn", "pandas"),
            compares_content=False,
        ),
        Stage(
            "report",
            "snakelm.report.report:report",
            "snakelm.report.config:ReportRunConfig",
            outputs=("report.html",),
            compares_content=False,
        ),
    )
}
