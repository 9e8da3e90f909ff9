"""Fine-tune a model on a task, one run for each seed."""

from snakelm.runs.launch import main

if __name__ == "__main__":
    main("finetune")
