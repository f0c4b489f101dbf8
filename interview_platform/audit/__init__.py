"""The append-only record of who did what to whom, and from where."""
