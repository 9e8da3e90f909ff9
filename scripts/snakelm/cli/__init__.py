"""The command `snakelm`: a module for each subcommand, with a function that adds its parser and one that runs it."""
