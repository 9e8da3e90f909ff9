"""What is done with runs that exist: deleting those that nothing needs, adopting those made elsewhere."""
