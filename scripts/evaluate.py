"""Judge the predictions of one model on one task."""

from snakelm.runs.launch import main

if __name__ == "__main__":
    main("evaluate")
