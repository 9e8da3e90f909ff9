"""Which metrics each task type has: names only, so that a recipe is checked without pandas."""

METRICS: dict[str, tuple[str, ...]] = {
    "text_classification": ("accuracy", "f1_micro", "f1_macro", "mcc", "exact_match"),
    "regression": ("pearson", "spearman", "r2", "rmse", "mae"),
    "token_classification": ("f1", "accuracy", "precision", "recall", "f1_macro"),
    "question_answering": ("f1", "exact_match"),
    "multiple_choice": ("accuracy",),
    "summarization": ("rougeL", "rouge1", "rouge2", "rougeLsum"),
    "translation": ("bleu", "chrf", "ter"),
    "language_modeling": ("bits_per_byte", "perplexity"),
    "minimal_pairs": ("accuracy", "accuracy_by_phenomenon"),
}
"""The first of a type's metrics that its data allow is its main one: f1_micro only for several labels per row
(accuracy is not computed there), accuracy for tags without spans (f1 is not)."""

LOWER_IS_BETTER = frozenset({"rmse", "mae", "ter", "bits_per_byte", "perplexity"})


def greater_is_better(metric: str) -> bool:
    """Whether more of a metric is better; true but for errors and entropies."""
    return metric not in LOWER_IS_BETTER
