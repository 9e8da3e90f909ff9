"""Pretraining a language model from scratch."""
