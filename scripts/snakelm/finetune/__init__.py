"""The stage finetune: a pretrained (or untrained, or outside) model learns a task; baselines without a network too."""
