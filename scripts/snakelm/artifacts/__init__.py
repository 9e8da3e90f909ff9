"""What artifacts look like on disk: JSON files in one form, and records as such files."""
