"""The stage save_tokenizer: a verified folder that AutoTokenizer loads, with figures on the validation split."""
