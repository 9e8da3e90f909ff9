"""What a model can be fine-tuned on: the base of all task types (config.py), what several share, and `types`."""
