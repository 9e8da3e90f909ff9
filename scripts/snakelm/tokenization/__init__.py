"""What training and saving a tokenizer share: special tokens per model family, and statistics side by side."""
