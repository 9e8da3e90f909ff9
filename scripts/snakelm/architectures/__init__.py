"""Untrained networks of any Hugging Face architecture, built from names and a few sizes."""
