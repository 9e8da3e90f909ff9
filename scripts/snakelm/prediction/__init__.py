"""Predictions of finished fine-tunings for files of new rows."""
