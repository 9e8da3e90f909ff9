"""What a model can be fine-tuned on: the base of task types (config.py), what several share, and `types`, one file each."""
