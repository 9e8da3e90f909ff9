"""Runs on disk: identity, folders, manifests, orders, and what makes one. Carries runs, enters no id."""
