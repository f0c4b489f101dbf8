"""The one ordered log of what happens in an interview."""
