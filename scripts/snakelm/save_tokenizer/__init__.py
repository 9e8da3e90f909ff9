"""The stage save_tokenizer: a verified folder that AutoTokenizer loads, with statistics of the validation split."""
