"""One small module per kind of task: rows → features → loss → outputs → predictions."""
