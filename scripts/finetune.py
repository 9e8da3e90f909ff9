"""Fine-tune a model on a task, one run for each seed."""

from snakelm.finetune.config import FinetuneConfig
from snakelm.finetune.finetune import finetune
from snakelm.runs.making import main

if __name__ == "__main__":
    main("finetune", finetune, FinetuneConfig)
