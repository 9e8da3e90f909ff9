"""Metrics of every task type, and intervals over seeds, for finetune, evaluate and report: no torch, no network."""
