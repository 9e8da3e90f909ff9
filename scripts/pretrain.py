"""Train a model from scratch."""

from snakelm.runs.launch import main

if __name__ == "__main__":
    main("pretrain")
