"""The tiny models and the way to carry a run out that the tests of fine-tuning have."""

from tests.finetune.conftest import models, nothing_remembered, run_task, write_csv  # noqa: F401
