"""What everything else may import: the base of config models, errors, progress, files."""
