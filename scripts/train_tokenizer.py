"""Train a tokenizer on a corpus."""

from snakelm.runs.launch import main

if __name__ == "__main__":
    main("train_tokenizer")
