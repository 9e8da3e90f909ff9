"""What leaves the house: model cards beside the runs, and pushing a model or tokenizer to the Hugging Face Hub."""
