"""The command `snakelm`."""
