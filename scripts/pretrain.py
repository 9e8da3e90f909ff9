"""Train a model from scratch."""

from snakelm.pretrain.objectives import objectives
from snakelm.pretrain.pretrain import pretrain
from snakelm.runs.making import main

if __name__ == "__main__":
    main("pretrain", pretrain, objectives)
