"""Training that survives: the Hugging Face Trainer with a fixed data order, exact resume and checked checkpoints."""
