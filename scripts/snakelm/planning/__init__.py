"""From a recipe to a plan: every run with its id, its parents, its state, and why it is to be made."""
