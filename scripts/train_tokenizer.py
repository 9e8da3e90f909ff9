"""Train a tokenizer on a corpus."""

from snakelm.runs.making import main
from snakelm.train_tokenizer.config import TokenizerConfig
from snakelm.train_tokenizer.train import train_tokenizer

if __name__ == "__main__":
    main("train_tokenizer", train_tokenizer, TokenizerConfig)
