"""Metrics as pure functions of a table of predictions, and intervals over seeds: no torch, no network."""
