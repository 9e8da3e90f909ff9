"""Recipes side by side: what differs in their settings, and what that does to their results."""
