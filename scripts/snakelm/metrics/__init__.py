"""Metrics as pure functions of a table of predictions, and of all its rows but some: no torch, no network."""
