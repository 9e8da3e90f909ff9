"""The report stage: one page and one table from every run of a recipe."""
