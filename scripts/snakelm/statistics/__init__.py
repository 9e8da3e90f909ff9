"""What a result is worth: intervals over seeds and test rows together, and verdicts. Pure functions, no files."""
