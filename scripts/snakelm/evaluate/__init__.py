"""The stage evaluate: scores the predictions of one cell's seeds."""
