"""The tiny models and runs of the tests of fine-tuning."""

from tests.finetune.conftest import models, nothing_remembered, run_task, write_csv  # noqa: F401
