"""Judge the predictions of one model on one task."""

from snakelm.evaluate.config import EvaluateConfig
from snakelm.evaluate.evaluate import evaluate
from snakelm.runs.making import main

if __name__ == "__main__":
    main("evaluate", evaluate, EvaluateConfig)
