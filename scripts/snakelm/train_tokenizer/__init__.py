"""The stage train_tokenizer: a vocabulary from a corpus, the same bytes in every process."""
