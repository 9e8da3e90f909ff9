"""What everything else may import: the base of config models, plug-ins, errors, progress."""
